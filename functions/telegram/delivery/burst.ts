/** The notifications in one message: single lines up to a limit, then counts by kind and project; and their text. */

import { parseTaskKey } from "../../../shared/names.ts";
import { keepDefined } from "../../../shared/omit-undefined.ts";
import type { EventKind } from "../../../shared/task/events.ts";
import { type ActionBody, getEventProject } from "../../../shared/task/rule-set.ts";
import {
  fitsEntityLimits,
  joinRichText,
  MESSAGE_LIMIT,
  type RichText,
  toBold,
  toLink,
  toPlainText,
  toSafeText,
  truncateRichText,
} from "../../../shared/telegram/rich-text.ts";
import {
  isClosedWithoutResult,
  renderNotificationDetails,
  renderProjectName,
  renderResultLine,
} from "../presentation/notification-details.ts";
import { EVENT_EMOJI, type Presentation, renderTaskTitle, STATUS_EMOJI } from "../presentation/presentation.ts";

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
  /** Further names that were counted, so that each counts once. */
  unnamed?: string[];
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

/** A summary names at most this many tasks of a group. */
const NAMED_LIMIT = 10;

/**
 * Limit of the stored names of one group that the summary omits: 20, so that the record stays small. In larger groups,
 * a task that was neither named nor stored counts again when it is repeated.
 */
const UNNAMED_LIMIT = 20;

/** Kinds of which each event counts, also several of one task. Of the others, each task counts once. */
const OCCURRENCE_KINDS: ReadonlySet<EventKind> = new Set<EventKind>([
  ...(["due", "priority", "comment_added", "comment_edited"] as const),
  ...(["asked", "answered", "critical", "claim_lost", "circle", "failed"] as const),
]);

export const EMPTY_BURST: BurstContent = { count: 0, notices: [], groups: [] };

/** How much of each result the lines show: as much as fits into one message, in the end nothing of it. */
const RESULT_LIMITS = [{ text: 200, files: 2 }, { text: 100, files: 1 }, { text: 40, files: 1 }, undefined] as const;

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
  const { named, unnamed = [] } = group;
  const isKnown = named.some(({ name }) => name === subject.name) || unnamed.includes(subject.name);
  if (isKnown) return OCCURRENCE_KINDS.has(group.kind) ? { ...group, count: group.count + 1 } : group;
  const counted = { ...group, count: group.count + 1 };
  if (named.length < NAMED_LIMIT) return { ...counted, named: [...named, subject] };
  if (OCCURRENCE_KINDS.has(group.kind) || unnamed.length >= UNNAMED_LIMIT) return counted;
  return { ...counted, unnamed: [...unnamed, subject.name] };
}

/**
 * Renders the text of one message: a single notification in full, a few as lines, more than ten (or too long ones) as
 * counts.
 * @param repeat an earlier send may have arrived; the message says so
 */
export function renderBurst(burst: BurstContent, presentation: Presentation, repeat = false): RichText {
  const mark = repeat ? `\n${presentation.texts.repeat}` : "";
  const limit = MESSAGE_LIMIT - mark.length;
  return joinRichText([renderContent(burst, presentation, limit), toPlainText(mark)]);
}

function renderContent({ count, notices, groups }: BurstContent, presentation: Presentation, limit: number): RichText {
  const [first] = notices;
  if (count === 1 && first)
    return truncateRichText(
      joinRichText([renderHead(first, presentation), ...renderNotificationDetails(first, presentation)], "\n"),
      limit,
    );
  if (count <= BURST_LINE_LIMIT) {
    for (const limits of RESULT_LIMITS) {
      const lines = notices.flatMap((notification) => renderLines(notification, presentation, limits));
      const joined = joinRichText(lines, "\n");
      if (joined.text.length <= limit && fitsEntityLimits(lines)) return joined;
    }
  }
  return renderSummary(groups, presentation, limit);
}

/** `✅ Completed: ONB-12 Write the welcome mail` */
function renderHead({ event, facts }: ActionBody, presentation: Presentation, titleLimit = 256): RichText {
  const { texts } = presentation;
  const isClosed = isClosedWithoutResult({ event, facts });
  return joinRichText([
    `${isClosed ? STATUS_EMOJI.cancelled : EVENT_EMOJI[event.kind]} `,
    toBold((isClosed ? texts.closedProject : texts.events[event.kind]).title),
    ...("agent" in event ? renderAgentSuffix(event, texts) : []),
    texts.colon,
    renderSubject({ event, facts }, presentation, titleLimit),
  ]);
}

/** Names the agent in the headline, where no text of an agent can appear: `from Thot` introduces its own words. */
function renderAgentSuffix(
  { kind, agent }: { kind: EventKind; agent: string },
  texts: Presentation["texts"],
): (RichText | string)[] {
  const name = toSafeText(agent, 40);
  return kind === "asked" || kind === "critical" ? [` ${texts.fromAgent} `, name] : [" (", name, ")"];
}

function renderSubject(
  { event, facts }: Pick<ActionBody, "event" | "facts">,
  presentation: Presentation,
  limit: number,
): RichText {
  const { item, cycle } = facts;
  if (item) return renderTaskTitle(presentation, item, { limit });
  if (cycle) return toSafeText(cycle.name, limit);
  const project = getEventProject(event, facts);
  return toLink(renderProjectName(project), project.url, presentation.origins);
}

/** The line of a notification and, for a completed task, a second one with its result. */
function renderLines(
  notification: ActionBody,
  presentation: Presentation,
  limits: (typeof RESULT_LIMITS)[number],
): RichText[] {
  return keepDefined([
    renderLine(notification, presentation),
    limits && renderResultLine(notification, presentation, limits),
  ]);
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
function renderName(presentation: Presentation, kind: EventKind, name: string, url: string): RichText | string {
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
  const names = named.map(({ name, url }) => renderName(presentation, kind, name, url));
  const rest = count - named.length;
  if (rest > 0) names.push(format.count(texts.more, rest));
  return joinRichText([
    `${isClosed ? STATUS_EMOJI.cancelled : EVENT_EMOJI[kind]} `,
    format.count(isClosed ? texts.closedProject : texts.events[kind], count),
    ...(isProjectKind ? [] : [texts.inProject, renderProjectName(project)]),
    texts.colon,
    joinRichText(names, ", "),
  ]);
}
