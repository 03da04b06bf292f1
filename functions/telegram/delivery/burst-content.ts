import type { EventKind } from "../../../shared/task/events.ts";
import { type ActionBody, getEventProject } from "../../../shared/task/rule-set.ts";
import { isClosedWithoutResult } from "../presentation/render-result.ts";

/** With more notifications than this, a message shows counts instead of single lines. */
export const BURST_LINE_LIMIT = 10;
/** A summary names at most this many tasks of a group. */
const NAMED_LIMIT = 10;
/**
 * Limit of the stored names of one group that the summary omits: 20, so that the record stays small. In larger groups, a
 * task that was neither named nor stored counts again when it is repeated.
 */
const UNNAMED_LIMIT = 20;
/** Kinds of which each event counts, also several of one task. Of the others, each task counts once. */
const OCCURRENCE_KINDS: ReadonlySet<EventKind> = new Set<EventKind>([
  ...(["due", "priority", "comment_added", "comment_edited"] as const),
  ...(["asked", "answered", "critical", "claim_lost", "circle", "failed"] as const),
]);

/** Notifications of one kind in one project. Events of projects themselves are grouped by kind only. */
export interface NotificationGroup {
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

export const EMPTY_BURST: BurstContent = { count: 0, notices: [], groups: [] };

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
  const isProjectKind = kind === "project_created" || kind === "project_completed";
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
