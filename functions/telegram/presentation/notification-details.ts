/** The words of one notification: what happened to what, with the result of a completed task. */

import { DEFAULT_CLAIM_MINUTES } from "../../../shared/config/settings-file.ts";
import type { Refusal } from "../../../shared/errors.ts";
import {
  formatTemplate,
  localizeCount,
  localizeDate,
  localizeDuration,
  localizeMoment,
  localizeMoney,
  localizeNumber,
} from "../../../shared/i18n/localize.ts";
import type { TelegramTexts } from "../../../shared/i18n/texts.ts";
import { keepDefined } from "../../../shared/omit-undefined.ts";
import { renderRefusal } from "../../../shared/refusals/render-refusal.ts";
import type { ActionBody, EventFacts } from "../../../shared/task/rule-set.ts";
import { joinRichText, type RichText, toLink, toPlainText, toSafeText } from "../../../shared/telegram/rich-text.ts";
import { fillTemplate, type Presentation, STATUS_EMOJI } from "./presentation.ts";

type TaskResult = NonNullable<NonNullable<EventFacts["item"]>["result"]>;

/** How much of a result a line in a message with several notifications shows. */
interface ResultLimits {
  /** Of the summary, in UTF-16 units; 0 leaves it out. */
  text: number;
  files: number;
}

/** Maximum number of names, blockers and the like in a list. */
const LIST_LIMIT = 5;

/** Maximum length of a person's or agent's name, in UTF-16 units. */
const NAME_LIMIT = 80;

/** Limit of the summary in a message about a single task, in UTF-16 units. */
const TEXT_LIMIT = 600;

const FILE_NAME_LIMIT = 60;

/** Renders the lines below the headline of a single notification (NOTIF-04). Fields without a value get no line. */
export function renderNotificationDetails({ event, facts }: ActionBody, presentation: Presentation): RichText[] {
  const { texts, origins } = presentation;
  const { locale, fields, priorities } = texts;
  const { item, project, cycle, comment, actor } = facts;
  const lines: RichText[] = [];
  const add = (label: string, ...value: (RichText | string)[]) => {
    lines.push(joinRichText([toPlainText(label + texts.colon), ...value]));
  };
  const date = (at: string | null) => (at === null ? texts.noDate : localizeDate(locale, at));

  lines.push(...renderEventDetails(event, presentation), ...renderResultLines(item?.result, presentation));
  if (event.kind === "renamed") add(fields.before, toSafeText(event.from));
  if (event.kind === "due") add(fields.due, `${date(event.from)} → ${date(event.to)}`);
  if (event.kind === "priority") add(fields.priority, `${priorities[event.from]} → ${priorities[event.to]}`);
  if (comment) add(fields.comment, toSafeText(comment.text, 300));
  const isProjectKind = event.kind === "project_created" || event.kind === "project_completed";
  if (project && !isProjectKind && !("plan" in event)) {
    add(fields.project, toLink(renderProjectName(project), project.url, origins));
  }
  if (item) {
    add(fields.status, `${STATUS_EMOJI[item.word]} ${texts.statuses[item.word]}`);
    if (event.kind !== "priority" && item.priority !== "none") add(fields.priority, priorities[item.priority]);
    const isInHead = "agent" in event && event.agent === item.agent;
    if (item.agent !== undefined && !isInHead) add(fields.agent, toSafeText(item.agent, NAME_LIMIT));
    if (item.assignees.length > 0) add(fields.assignees, renderList(texts, item.assignees, renderName));
    if (event.kind !== "due" && item.due !== null && item.word !== "done") add(fields.due, date(item.due));
    if (item.timeSpentMs !== undefined) add(fields.timeSpent, localizeDuration(locale, item.timeSpentMs));
    if (item.cost !== undefined) add(fields.cost, formatCost(item.cost, presentation));
    if (item.blockers.length > 0) {
      add(
        fields.blockers,
        renderList(texts, item.blockers, ({ key, title }) =>
          joinRichText([toSafeText(key), toSafeText(title, 60)], " "),
        ),
      );
    }
  }
  lines.push(...renderTotalLines(facts.totals, presentation));
  if (cycle) {
    if (cycle.start !== null || cycle.end !== null) add(fields.dates, `${date(cycle.start)} – ${date(cycle.end)}`);
    lines.push(toPlainText(renderCycleProgress(texts, cycle)));
  }
  if (actor) add(fields.by, renderName(actor.name));
  return lines;
}

/** Renders what agents ask or report, and why work stopped. Texts of agents are shown as plain text only. */
function renderEventDetails(event: ActionBody["event"], { texts, timezone }: Presentation): RichText[] {
  const { colon, fields, locale, losses, stuck: block, reminder } = texts;
  const line = (label: string, ...value: (RichText | string)[]) => joinRichText([toPlainText(label + colon), ...value]);
  switch (event.kind) {
    case "asked": {
      const choices = event.choices.map((choice) => toSafeText(choice, 100));
      return keepDefined([
        joinRichText(keepDefined([toSafeText(event.text, 2_000), event.reminder > 0 ? ` ${reminder}` : undefined])),
        choices.length > 0 ? line(fields.choices, joinRichText(choices, " · ")) : undefined,
      ]);
    }
    case "answered":
      return [line(fields.answer, toSafeText(event.text, 1_000)), line(fields.by, renderName(event.by))];
    case "plan_approved":
      return [line(fields.by, renderName(event.by))];
    case "critical":
    case "failed":
    case "plan_failed":
      return [toSafeText(renderReason(event, texts), 300)];
    case "ticket":
      return event.text === "" ? [] : [toSafeText(event.text, 300)];
    case "claim_lost":
      return [
        fillTemplate(losses[event.why], {
          minutes: String(event.minutes ?? DEFAULT_CLAIM_MINUTES),
          by: renderName(event.by ?? "?"),
        }),
        line(fields.heldSince, localizeMoment(locale, timezone, Date.parse(event.since), 0)),
      ];
    case "addressed":
      return [toSafeText(event.text, 300), line(fields.by, renderName(event.by))];
    case "review":
      return keepDefined([
        event.text === "" ? undefined : toSafeText(event.text, 300),
        line(fields.confidence, localizeNumber(locale, event.confidence)),
      ]);
    case "sent_back":
    case "plan_rejected":
      return keepDefined([
        event.reason === null ? undefined : line(fields.reason, toSafeText(event.reason, 300)),
        event.by === null ? undefined : line(fields.by, renderName(event.by)),
      ]);
    case "stuck":
      return [line(fields.waitsFor, toSafeText(event.blocker, 40), ` ${block[event.why]}`)];
    case "circle":
      return [
        joinRichText(
          event.path.map((key) => toSafeText(key, 40)),
          " → ",
        ),
      ];
    default:
      return [];
  }
}

const renderName = (name: string) => toSafeText(name, NAME_LIMIT);

/** A refusal in the reader's language, or else the event's own text. */
function renderReason({ text, refusal }: { text: string; refusal?: Refusal }, texts: TelegramTexts): string {
  return (refusal && renderRefusal(texts, refusal)) ?? text;
}

/** Renders what a completed task delivered as lines below the headline: its summary and links to its files. */
function renderResultLines(result: TaskResult | undefined, presentation: Presentation): RichText[] {
  if (!result) return [];
  const { fields, colon } = presentation.texts;
  const line = (label: string, value: RichText) => joinRichText([toPlainText(label + colon), value]);
  return keepDefined([
    result.text === undefined ? undefined : line(fields.result, toSafeText(result.text, TEXT_LIMIT)),
    result.files.length > 0 ? line(fields.deliverables, renderFiles(result, presentation)) : undefined,
  ]);
}

function renderFiles({ files, count }: TaskResult, { texts, origins }: Presentation, limit = files.length): RichText {
  const links = files.slice(0, limit).map(({ name, url }) => toLink(toSafeText(name, FILE_NAME_LIMIT), url, origins));
  const rest = count - links.length;
  return joinRichText([...links, ...(rest > 0 ? [localizeCount(texts, texts.more, rest)] : [])], ", ");
}

function renderList<T>(texts: TelegramTexts, values: readonly T[], render: (value: T) => RichText): RichText {
  const rest = values.length - LIST_LIMIT;
  return joinRichText(
    keepDefined([
      ...values.slice(0, LIST_LIMIT).map(render),
      rest > 0 ? localizeCount(texts, texts.more, rest) : undefined,
    ]),
    ", ",
  );
}

/** Formats a cost in the budget's currency, or as a plain number without a budget. */
function formatCost(cost: number, { texts, currency }: Presentation): string {
  return localizeMoney(texts.locale, cost, currency);
}

/** Renders the tasks of a completed project and what they took together, one line each. */
function renderTotalLines(totals: EventFacts["totals"], presentation: Presentation): RichText[] {
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
    done > 0 ? localizeCount(texts, texts.events.completed, done) : undefined,
    cancelled > 0 ? localizeCount(texts, texts.events.cancelled, cancelled) : undefined,
  ]);
  return counts.length > 0 ? counts.join(", ") : undefined;
}

function renderCycleProgress(
  { locale, progress }: TelegramTexts,
  { done, total }: { done: number; total: number },
): string {
  return formatTemplate(progress, { done: localizeNumber(locale, done), total: localizeNumber(locale, total) });
}

/** `Onboarding (ONB)`, or the name alone of a project that does not exist yet. */
export function renderProjectName({ name, identifier }: { name: string; identifier: string }): RichText {
  return identifier === "" ? toSafeText(name) : joinRichText([toSafeText(name), " (", toSafeText(identifier, 20), ")"]);
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

/** Whether all tasks of a project that has no open task any more were cancelled. */
export function isClosedWithoutResult({ event, facts }: Pick<ActionBody, "event" | "facts">): boolean {
  return event.kind === "project_completed" && facts.totals?.done === 0;
}
