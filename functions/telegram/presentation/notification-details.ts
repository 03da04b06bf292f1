/** The words of one notification: what happened to what, with the result of a completed task. */

import { DEFAULT_CLAIM_MINUTES } from "../../../shared/config/settings-file.ts";
import type { Refusal } from "../../../shared/errors.ts";
import { stripMarkdown } from "../../../shared/markdown/plain-text.ts";
import { keepDefined } from "../../../shared/omit-undefined.ts";
import { renderRefusal } from "../../../shared/refusals/render-refusal.ts";
import type { ActionBody, EventFacts } from "../../../shared/task/rule-set.ts";
import { joinRichText, type RichText, toLink, toPlainText, toSafeText } from "../../../shared/telegram/rich-text.ts";
import { fillTemplate, formatEffort, formatProgress, type Presentation, STATUS_EMOJI } from "./presentation.ts";

type TaskResult = NonNullable<NonNullable<EventFacts["item"]>["result"]>;

/** How much of a result a line in a message with several notifications shows. */
interface ResultLimits {
  /** Of the summary, in UTF-16 units. */
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
  const { texts, origins, format } = presentation;
  const { fields, priorities } = texts;
  const { item, project, cycle, comment, actor, totals } = facts;
  const lines = [...renderEventDetails(event, presentation), ...renderResultLines(item?.result, presentation)];
  const add = (label: string, ...value: (RichText | string)[]) =>
    lines.push(renderField(presentation, label, ...value));
  const date = (at: string | null) => (at === null ? texts.noDate : format.date(at));
  // One name stands once: a task's agent is usually also its only assignee and the actor, and may be in the headline.
  const shown = keepDefined(["agent" in event ? event.agent : undefined, "by" in event ? event.by : undefined]);
  const named = new Set(shown.map((name) => name?.toLowerCase()));
  const isNew = (name: string) => {
    const { size } = named;
    return named.add(name.toLowerCase()).size > size;
  };

  if (event.kind === "renamed") add(fields.before, toSafeText(event.from));
  if (event.kind === "due") add(fields.due, `${date(event.from)} → ${date(event.to)}`);
  if (event.kind === "priority") add(fields.priority, `${priorities[event.from]} → ${priorities[event.to]}`);
  if (comment) add(fields.comment, toSafeText(comment.text, 300));
  const isProjectKind = event.kind.startsWith("project_");
  if (project && !isProjectKind && !("plan" in event)) {
    add(fields.project, toLink(renderProjectName(project), project.url, origins));
  }
  if (item) {
    add(fields.status, `${STATUS_EMOJI[item.word]} ${texts.statuses[item.word]}`);
    if (event.kind !== "priority" && item.priority !== "none") add(fields.priority, priorities[item.priority]);
    if (item.agent !== undefined && isNew(item.agent)) add(fields.agent, renderName(item.agent));
    const others = item.assignees.filter((name) => name !== actor?.name && isNew(name));
    if (others.length > 0) add(fields.assignees, renderList(presentation, others.map(renderName)));
    if (event.kind !== "due" && item.due !== null && item.word !== "done") add(fields.due, date(item.due));
    if (item.timeSpentMs !== undefined) add(fields.timeSpent, format.duration(item.timeSpentMs));
    if (item.cost !== undefined) add(fields.cost, format.money(item.cost));
    const blockers = item.blockers.map(({ key, title }) => joinRichText([toSafeText(key), toSafeText(title, 60)], " "));
    if (blockers.length > 0) add(fields.blockers, renderList(presentation, blockers));
  }
  const counts = totals && formatTaskCounts(totals, presentation);
  if (counts !== undefined) lines.push(toPlainText(counts));
  if (totals?.timeSpentMs !== undefined) add(fields.timeSpent, format.duration(totals.timeSpentMs));
  if (totals?.cost !== undefined) add(fields.cost, format.money(totals.cost));
  if (cycle) {
    if (cycle.start !== null || cycle.end !== null) add(fields.dates, `${date(cycle.start)} – ${date(cycle.end)}`);
    lines.push(toPlainText(formatProgress(presentation, cycle.done, cycle.total)));
  }
  if (actor && isNew(actor.name)) add(fields.by, renderName(actor.name));
  return lines;
}

/** `Priority: high` */
function renderField({ texts }: Presentation, label: string, ...value: (RichText | string)[]): RichText {
  return joinRichText([label, texts.colon, ...value]);
}

/** Renders what agents report, and why work stopped; requests have messages of their own. Texts of agents are shown as plain text only. */
function renderEventDetails(event: ActionBody["event"], presentation: Presentation): RichText[] {
  const { texts, format } = presentation;
  const { fields, losses, stuck } = texts;
  const line = (label: string, ...value: (RichText | string)[]) => renderField(presentation, label, ...value);
  const by = (name: string) => line(fields.by, renderName(name));
  switch (event.kind) {
    case "answered":
      return [line(fields.answer, toSafeText(event.text, 1_000)), by(event.by)];
    case "plan_approved":
      return [by(event.by)];
    case "critical":
    case "failed":
    case "plan_failed":
      return [toSafeText(stripMarkdown(renderReason(event, presentation)), 300)];
    case "ticket":
      return event.text === "" ? [] : [toSafeText(stripMarkdown(event.text), 300)];
    case "claim_lost": {
      const minutes = String(event.minutes ?? DEFAULT_CLAIM_MINUTES);
      return [
        fillTemplate(losses[event.why], { minutes, by: renderName(event.by ?? "?") }),
        line(fields.heldSince, format.moment(Date.parse(event.since), 0)),
      ];
    }
    case "addressed":
      return [toSafeText(event.text, 300), by(event.by)];
    case "sent_back":
    case "plan_rejected":
      return keepDefined([
        event.reason === null ? undefined : line(fields.reason, toSafeText(event.reason, 300)),
        event.by === null ? undefined : by(event.by),
      ]);
    case "stuck":
      return [line(fields.waitsFor, toSafeText(event.blocker, 40), ` ${stuck[event.why]}`)];
    case "circle": {
      const keys = event.path.map((key) => toSafeText(key, 40));
      return [joinRichText(keys, " → ")];
    }
    default:
      return [];
  }
}

const renderName = (name: string) => toSafeText(name, NAME_LIMIT);

/** A refusal in the reader's language, or else the event's own text. */
function renderReason({ text, refusal }: { text: string; refusal?: Refusal }, { texts }: Presentation): string {
  return (refusal && renderRefusal(texts, refusal)) ?? text;
}

/** Renders what a completed task delivered as lines below the headline: its summary and links to its files. */
function renderResultLines(result: TaskResult | undefined, presentation: Presentation): RichText[] {
  if (!result) return [];
  const { fields } = presentation.texts;
  const { text, files } = result;
  return keepDefined([
    text === undefined ? undefined : renderField(presentation, fields.result, toSafeText(text, TEXT_LIMIT)),
    files.length > 0 ? renderField(presentation, fields.deliverables, renderFiles(result, presentation)) : undefined,
  ]);
}

function renderFiles({ files, count }: TaskResult, presentation: Presentation, limit = files.length): RichText {
  const { origins } = presentation;
  const links = files.slice(0, limit).map(({ name, url }) => toLink(toSafeText(name, FILE_NAME_LIMIT), url, origins));
  return renderList(presentation, links, links.length, count);
}

/** Joins the first values, and says how many more of all there are. */
function renderList(
  { texts, format }: Presentation,
  values: readonly RichText[],
  limit = LIST_LIMIT,
  count = values.length,
): RichText {
  const rest = count - limit;
  return joinRichText([...values.slice(0, limit), ...(rest > 0 ? [format.count(texts.more, rest)] : [])], ", ");
}

/** `2 tasks completed, 1 task cancelled` */
function formatTaskCounts(
  { done, cancelled }: NonNullable<EventFacts["totals"]>,
  { texts, format }: Presentation,
): string | undefined {
  const counts = keepDefined([
    done > 0 ? format.count(texts.events.completed, done) : undefined,
    cancelled > 0 ? format.count(texts.events.cancelled, cancelled) : undefined,
  ]);
  return counts.length > 0 ? counts.join(", ") : undefined;
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
    return joinResultParts([formatTaskCounts(totals, presentation)], totals, presentation);
  if (event.kind !== "completed" || !item) return undefined;
  const { result } = item;
  const text = result?.text === undefined ? undefined : toSafeText(result.text, limits.text);
  const files = result && result.files.length > 0 ? renderFiles(result, presentation, limits.files) : undefined;
  return joinResultParts([text, files], item, presentation);
}

function joinResultParts(
  parts: readonly (RichText | string | undefined)[],
  { timeSpentMs, cost }: { timeSpentMs?: number; cost?: number },
  presentation: Presentation,
): RichText | undefined {
  const known = keepDefined([...parts, ...formatEffort(presentation, timeSpentMs, cost)]);
  return known.length > 0 ? joinRichText(["↳ ", joinRichText(known, " · ")]) : undefined;
}

/** Whether all tasks of a project that has no open task any more were cancelled. */
export function isClosedWithoutResult({ event, facts }: Pick<ActionBody, "event" | "facts">): boolean {
  return event.kind === "project_completed" && facts.totals?.done === 0;
}
