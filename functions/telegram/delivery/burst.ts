/**
 * The notifications in one message: single lines up to a limit, then counts by kind and project; and their text, with
 * the result of completed tasks. Texts of agents are shown as plain text only.
 */

import { DEFAULT_CLAIM_MINUTES } from "../../../shared/config/settings-file.ts";
import type { Refusal } from "../../../shared/errors.ts";
import { stripMarkdown } from "../../../shared/markdown/plain-text.ts";
import { parseTaskKey } from "../../../shared/names.ts";
import { keepDefined } from "../../../shared/omit-undefined.ts";
import { renderRefusal } from "../../../shared/refusals/render-refusal.ts";
import type { EventKind } from "../../../shared/task/events.ts";
import { type ActionBody, type EventFacts, getEventProject } from "../../../shared/task/rule-set.ts";
import {
  fitsEntityLimits,
  joinRichText,
  MESSAGE_LIMIT,
  type RichText,
  type TextPart,
  toBold,
  toLink,
  toSafeText,
  truncateRichText,
} from "../../../shared/telegram/rich-text.ts";
import {
  EVENT_EMOJI,
  fillTemplate,
  formatEffort,
  formatProgress,
  type Presentation,
  renderProjectName,
  renderTaskTitle,
  STATUS_EMOJI,
} from "../presentation/presentation.ts";

type TaskResult = NonNullable<NonNullable<EventFacts["item"]>["result"]>;

/** Notifications of one kind in one project. Events of projects themselves are grouped by kind only. */
interface NotificationGroup {
  kind: EventKind;
  /** Projects of which all tasks were cancelled. */
  isClosed?: true;
  project: { identifier: string; name: string; url: string };
  /** Number of comments, questions and other occurrences (see `OCCURRENCE_KINDS`), else of different tasks, cycles or projects. */
  count: number;
  /** The first few, by key or name. */
  named: { name: string; url: string }[];
}

/** The notifications that one message shows. Its size is bounded, however many notifications there are. */
export interface BurstContent {
  count: number;
  /** All notifications in order; empty once there are more than `BURST_LINE_LIMIT`. */
  notices: ActionBody[];
  groups: NotificationGroup[];
}

/** With more notifications than this, a message shows counts instead of single lines. */
const BURST_LINE_LIMIT = 10;

/** A summary names at most this many tasks of a group. One that it does not name counts again when it is repeated. */
const NAMED_LIMIT = 10;

/** Kinds of which each event counts, also several of one task. Of the others, each task counts once. */
const OCCURRENCE_KINDS: ReadonlySet<EventKind> = new Set<EventKind>([
  ...(["due", "priority", "comment_added", "comment_edited"] as const),
  ...(["asked", "answered", "critical", "claim_lost", "circle", "failed"] as const),
]);

export const EMPTY_BURST: BurstContent = { count: 0, notices: [], groups: [] };

/**
 * How much of each result the lines show, of the summary in UTF-16 units: as much as fits into one message, in the end
 * nothing of it.
 */
const RESULT_LIMITS = [{ text: 200, files: 2 }, { text: 100, files: 1 }, { text: 40, files: 1 }, undefined] as const;

type ResultLimits = (typeof RESULT_LIMITS)[number];

/** Maximum number of names, blockers and the like in a list. */
const LIST_LIMIT = 5;

/** Maximum length of a person's or agent's name, in UTF-16 units. */
const NAME_LIMIT = 80;

/** Limit of the summary in a message about a single task, in UTF-16 units. */
const TEXT_LIMIT = 600;

const FILE_NAME_LIMIT = 60;

export function addNotification(content: BurstContent, notification: ActionBody): BurstContent {
  const count = content.count + 1;
  return {
    count,
    notices: count > BURST_LINE_LIMIT ? [] : [...content.notices, notification],
    groups: addToGroups(content.groups, notification),
  };
}

function addToGroups(groups: NotificationGroup[], { event, facts }: ActionBody): NotificationGroup[] {
  const closed = isClosedWithoutResult({ event, facts }) ? { isClosed: true as const } : {};
  const { kind } = event;
  const { identifier, name, url } = getEventProject(event, facts);
  const isProjectKind = kind.startsWith("project_");
  const subject = isProjectKind
    ? { name, url }
    : { name: facts.item?.key ?? facts.cycle?.name ?? name, url: facts.item?.url ?? url };
  const index = groups.findIndex(
    (group) =>
      group.kind === kind &&
      group.isClosed === closed.isClosed &&
      (isProjectKind || group.project.identifier === identifier),
  );
  const group = groups[index];
  if (!group) return [...groups, { kind, ...closed, project: { identifier, name, url }, count: 1, named: [subject] }];
  return groups.with(index, addToGroup(group, subject));
}

function addToGroup(group: NotificationGroup, subject: NotificationGroup["named"][number]): NotificationGroup {
  const { named, count } = group;
  const isKnown = named.some(({ name }) => name === subject.name);
  if (isKnown && !OCCURRENCE_KINDS.has(group.kind)) return group;
  return { ...group, count: count + 1, named: isKnown || named.length >= NAMED_LIMIT ? named : [...named, subject] };
}

/**
 * Renders the text of one message: a single notification in full, a few as lines, more than ten (or too long ones) as
 * counts.
 * @param repeat an earlier send may have arrived; the message says so
 */
export function renderBurst(burst: BurstContent, presentation: Presentation, repeat = false): RichText {
  const mark = repeat ? `\n${presentation.texts.repeat}` : "";
  return joinRichText([renderContent(burst, presentation, MESSAGE_LIMIT - mark.length), mark]);
}

function renderContent({ count, notices, groups }: BurstContent, presentation: Presentation, limit: number): RichText {
  const [first] = notices;
  if (count === 1 && first) {
    const lines = [renderHead(first, presentation), ...renderDetails(first, presentation)];
    return truncateRichText(joinRichText(lines, "\n"), limit);
  }
  if (count <= BURST_LINE_LIMIT) {
    for (const limits of RESULT_LIMITS) {
      const lines = keepDefined(
        notices.flatMap((one) => [renderLine(one, presentation), renderResultLine(one, presentation, limits)]),
      );
      const joined = joinRichText(lines, "\n");
      if (joined.text.length <= limit && fitsEntityLimits(lines)) return joined;
    }
  }
  return renderSummary(groups, presentation, limit);
}

/** `✅ Completed: ONB-12 Write the welcome mail` */
function renderHead({ event, facts }: ActionBody, presentation: Presentation, limit = 256): RichText {
  const { texts, origins } = presentation;
  const { item, cycle } = facts;
  const project = getEventProject(event, facts);
  const isClosed = isClosedWithoutResult({ event, facts });
  const subject = cycle ? toSafeText(cycle.name, limit) : toLink(renderProjectName(project), project.url, origins);
  return joinRichText([
    `${isClosed ? STATUS_EMOJI.cancelled : EVENT_EMOJI[event.kind]} `,
    toBold((isClosed ? texts.closedProject : texts.events[event.kind]).title),
    ...("agent" in event ? renderAgentSuffix(event, texts) : []),
    texts.colon,
    item ? renderTaskTitle(presentation, item, { limit }) : subject,
  ]);
}

/** Names the agent in the headline, where no text of an agent can appear: `from Thot` introduces its own words. */
function renderAgentSuffix(
  { kind, agent }: { kind: EventKind; agent: string },
  texts: Presentation["texts"],
): TextPart[] {
  const name = toSafeText(agent, 40);
  return kind === "asked" || kind === "critical" ? [` ${texts.fromAgent} `, name] : [" (", name, ")"];
}

/** A headline with the agent, or the blockers of a blocked task. */
function renderLine(notification: ActionBody, presentation: Presentation): RichText {
  const { event, facts } = notification;
  const { item } = facts;
  const blockers = event.kind === "blocked" ? (item?.blockers ?? []).slice(0, 3).map(({ key }) => key) : [];
  const agents = item?.agent === undefined || "agent" in event ? [] : [item.agent];
  const extra = [...agents, ...blockers].join(", ");
  const head = renderHead(notification, presentation, 120);
  return extra === "" ? head : joinRichText([head, " (", toSafeText(extra, 120), ")"]);
}

/** One line per group, as many as fit, with links while Telegram accepts them, then the number of omitted changes. */
function renderSummary(groups: readonly NotificationGroup[], presentation: Presentation, limit: number): RichText {
  const { texts, format } = presentation;
  const countRest = (from: number) => groups.slice(from).reduce((sum, group) => sum + group.count, 0);
  const renderRest = (from: number) => format.count(texts.moreChanges, countRest(from));
  const lines: RichText[] = [];
  let length = 0;
  for (const [index, group] of groups.entries()) {
    const lineWithLinks = renderGroupLine(group, presentation);
    const next = fitsEntityLimits([...lines, lineWithLinks])
      ? lineWithLinks
      : renderGroupLine(group, { ...presentation, origins: [] });
    const reservedLength = index === groups.length - 1 ? 0 : renderRest(index + 1).length + 1;
    if (length + next.text.length + reservedLength > limit)
      return truncateRichText(joinRichText([...lines, renderRest(index)], "\n"), limit);
    lines.push(next);
    length += next.text.length + 1;
  }
  return joinRichText(lines, "\n");
}

/** A task is named by its key; projects and cycles have no page of their own. */
function renderGroupName(presentation: Presentation, kind: EventKind, name: string, url: string): RichText {
  const isTask = !kind.startsWith("project_") && !kind.startsWith("cycle_") && parseTaskKey(name) !== undefined;
  if (isTask) return renderTaskTitle(presentation, { key: name, title: "", url });
  return toLink(toSafeText(name, 60), url, presentation.origins);
}

/** `✅ 200 tasks completed in Onboarding (ONB): ONB-1, ONB-2, … and 198 more` */
function renderGroupLine(
  { kind, project, count, named, isClosed }: NotificationGroup,
  presentation: Presentation,
): RichText {
  const { texts, format } = presentation;
  const isProjectKind = kind.startsWith("project_");
  const names = named.map(({ name, url }) => renderGroupName(presentation, kind, name, url));
  return joinRichText([
    `${isClosed ? STATUS_EMOJI.cancelled : EVENT_EMOJI[kind]} `,
    format.count(isClosed ? texts.closedProject : texts.events[kind], count),
    ...(isProjectKind ? [] : [texts.inProject, renderProjectName(project)]),
    texts.colon,
    joinRichText(format.limit(names, NAMED_LIMIT, count), ", "),
  ]);
}

/** Renders the lines below the headline of a single notification (NOTIF-04). Fields without a value get no line. */
function renderDetails({ event, facts }: ActionBody, presentation: Presentation): TextPart[] {
  const { texts, origins, format } = presentation;
  const { fields, priorities } = texts;
  const { item, project, cycle, comment, actor, totals } = facts;
  const lines = renderEventDetails(event, presentation);
  const add = (label: string, value: TextPart) => lines.push(format.field(label, value));
  const result = item?.result?.text;
  add(fields.result, result === undefined ? undefined : toSafeText(result, TEXT_LIMIT));
  add(fields.deliverables, renderFiles(item?.result, presentation));
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
  lines.push(totals && formatTaskCounts(totals, presentation));
  if (totals?.timeSpentMs !== undefined) add(fields.timeSpent, format.duration(totals.timeSpentMs));
  if (totals?.cost !== undefined) add(fields.cost, format.money(totals.cost));
  if (cycle) {
    if (cycle.start !== null || cycle.end !== null) add(fields.dates, `${date(cycle.start)} – ${date(cycle.end)}`);
    lines.push(formatProgress(presentation, cycle.done, cycle.total));
  }
  if (actor && isNew(actor.name)) add(fields.by, renderName(actor.name));
  return lines;
}

/** Renders what agents report, and why work stopped; requests have messages of their own. */
function renderEventDetails(event: ActionBody["event"], presentation: Presentation): TextPart[] {
  const { texts, format } = presentation;
  const { fields, losses, stuck } = texts;
  const line = (label: string, value: TextPart) => format.field(label, value);
  const by = (name: string | null) => line(fields.by, name === null ? undefined : renderName(name));
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
      return [line(fields.reason, event.reason === null ? undefined : toSafeText(event.reason, 300)), by(event.by)];
    case "stuck":
      return [line(fields.waitsFor, joinRichText([toSafeText(event.blocker, 40), stuck[event.why]], " "))];
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

function renderFiles(result: TaskResult | undefined, presentation: Presentation, limit?: number): TextPart {
  const { files, count } = result ?? { files: [], count: 0 };
  if (files.length === 0) return undefined;
  const { origins } = presentation;
  const links = files.map(({ name, url }) => toLink(toSafeText(name, FILE_NAME_LIMIT), url, origins));
  return joinRichText(presentation.format.limit(links, limit ?? files.length, count), ", ");
}

/** Joins the first values, and says how many more of all there are. */
function renderList(presentation: Presentation, values: readonly TextPart[], count?: number): RichText {
  return joinRichText(presentation.format.limit(values, LIST_LIMIT, count), ", ");
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

/**
 * Renders summary, links, time and cost of a completed task as one line, `↳ The mail is written · mail.md · 2 hr · €4`,
 * or the sums of a completed project; undefined when none of them is known.
 */
function renderResultLine(
  { event, facts: { item, totals } }: ActionBody,
  presentation: Presentation,
  limits: ResultLimits,
): RichText | undefined {
  const isProject = event.kind === "project_completed" && totals !== undefined;
  const figures = isProject ? totals : event.kind === "completed" ? item : undefined;
  if (!limits || !figures) return undefined;
  const text = item?.result?.text === undefined ? undefined : toSafeText(item.result.text, limits.text);
  const what = isProject
    ? [formatTaskCounts(totals, presentation)]
    : [text, renderFiles(item?.result, presentation, limits.files)];
  const known = keepDefined([...what, ...formatEffort(presentation, figures.timeSpentMs, figures.cost)]);
  return known.length > 0 ? joinRichText(["↳ ", joinRichText(known, " · ")]) : undefined;
}

/** Whether all tasks of a project that has no open task any more were cancelled. */
function isClosedWithoutResult({ event, facts }: Pick<ActionBody, "event" | "facts">): boolean {
  return event.kind === "project_completed" && facts.totals?.done === 0;
}
