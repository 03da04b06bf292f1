import { localizeDuration, localizeMoney } from "../../../shared/i18n/localize.ts";
import { localizeCount } from "../../../shared/i18n/plural.ts";
import { keepDefined } from "../../../shared/keep-defined.ts";
import type { ActionBody, EventFacts } from "../../../shared/task/rule-set.ts";
import { joinRichText, type RichText, toLink, toPlainText } from "../../../shared/telegram/rich-text.ts";
import { toSafeText } from "../../../shared/telegram/safe-text.ts";
import type { Presentation } from "./presentation.ts";

type TaskResult = NonNullable<NonNullable<EventFacts["item"]>["result"]>;

/** How much of a result a line in a message with several notifications shows. */
interface ResultLimits {
  /** Of the summary, in UTF-16 units; 0 leaves it out. */
  text: number;
  files: number;
}

/** Limit of the summary in a message about a single task, in UTF-16 units. */
const TEXT_LIMIT = 600;
const FILE_NAME_LIMIT = 60;

/** Renders what a completed task delivered as lines below the headline: its summary and links to its files. */
export function renderResultLines(result: TaskResult | undefined, presentation: Presentation): RichText[] {
  if (!result) return [];
  const { fields, colon } = presentation.texts;
  const line = (label: string, value: RichText) => joinRichText([toPlainText(label + colon), value]);
  return keepDefined([
    result.text === undefined ? undefined : line(fields.result, toSafeText(result.text, TEXT_LIMIT)),
    result.files.length > 0 ? line(fields.deliverables, renderFiles(result, presentation)) : undefined,
  ]);
}

/**
 * Renders summary, links, time and cost of a completed task as one line, `↳ The mail is written · mail.md · 2 hr · €4`,
 * or the sums of a completed project; undefined when none of them is known.
 */
export function renderResultLine(
  { event, facts: { item, totals } }: ActionBody,
  presentation: Presentation,
  limits: ResultLimits,
): RichText | undefined {
  if (event.kind === "project_completed" && totals)
    return joinResultParts([renderTaskCounts(totals, presentation), ...renderEffort(totals, presentation)]);
  if (event.kind !== "completed" || !item) return undefined;
  const { result } = item;
  const hasText = result?.text !== undefined && limits.text > 0;
  const hasFiles = result !== undefined && result.files.length > 0 && limits.files > 0;
  return joinResultParts([
    hasText ? toSafeText(result.text ?? "", limits.text) : undefined,
    hasFiles ? renderFiles(result, presentation, limits.files) : undefined,
    ...renderEffort(item, presentation),
  ]);
}

function joinResultParts(parts: readonly (RichText | string | undefined)[]): RichText | undefined {
  const known = keepDefined(parts);
  return known.length > 0 ? joinRichText(["↳ ", joinRichText(known, " · ")]) : undefined;
}

/** `2 hr 5 min` and `€4.10`, each only when known. */
function renderEffort(item: { timeSpentMs?: number; cost?: number }, presentation: Presentation): string[] {
  const { timeSpentMs: ms, cost } = item;
  return keepDefined([
    ms === undefined ? undefined : localizeDuration(presentation.texts.locale, ms),
    cost === undefined ? undefined : formatCost(cost, presentation),
  ]);
}

/** Formats a cost in the budget's currency, or as a plain number without a budget. */
export function formatCost(cost: number, { texts, currency }: Presentation): string {
  return localizeMoney(texts.locale, cost, currency);
}

function renderFiles({ files, count }: TaskResult, { texts, origins }: Presentation, limit = files.length): RichText {
  const links = files.slice(0, limit).map(({ name, url }) => toLink(toSafeText(name, FILE_NAME_LIMIT), url, origins));
  const rest = count - links.length;
  return joinRichText([...links, ...(rest > 0 ? [localizeCount(texts, texts.more, rest)] : [])], ", ");
}

/** Renders the tasks of a completed project and what they took together, one line each. */
export function renderTotalLines(totals: EventFacts["totals"], presentation: Presentation): RichText[] {
  if (!totals) return [];
  const { texts } = presentation;
  const { timeSpentMs, cost } = totals;
  const lines = keepDefined([
    renderTaskCounts(totals, presentation),
    timeSpentMs === undefined
      ? undefined
      : texts.fields.timeSpent + texts.colon + localizeDuration(texts.locale, timeSpentMs),
    cost === undefined ? undefined : texts.fields.cost + texts.colon + formatCost(cost, presentation),
  ]);
  return lines.map(toPlainText);
}

/** `2 tasks completed, 1 task cancelled` */
function renderTaskCounts(
  { done, cancelled }: NonNullable<EventFacts["totals"]>,
  { texts }: Presentation,
): string | undefined {
  const counts = keepDefined([
    done > 0 ? localizeCount(texts, texts.counted.completed, done) : undefined,
    cancelled > 0 ? localizeCount(texts, texts.counted.cancelled, cancelled) : undefined,
  ]);
  return counts.length > 0 ? counts.join(", ") : undefined;
}

/** Whether all tasks of a project that has no open task any more were cancelled. */
export function isClosedWithoutResult({ event, facts }: Pick<ActionBody, "event" | "facts">): boolean {
  return event.kind === "project_completed" && facts.totals?.done === 0;
}
