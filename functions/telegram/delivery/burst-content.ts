import type { ActionBody, EventKind } from "../../../shared/task/events.ts";

/** With more notifications than this, a message shows counts instead of single lines. */
export const BURST_LINE_LIMIT = 10;
/** A summary names at most this many tasks of a group. */
const NAMED_LIMIT = 10;

/** Notifications of one kind in one project. Events of projects themselves are grouped by kind only. */
export interface NotificationGroup {
  kind: EventKind;
  project: { identifier: string; name: string; url: string };
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
  const { kind } = event;
  const { identifier, name, url } = facts.project;
  const isProjectKind = kind === "project_created" || kind === "project_completed";
  const subject = isProjectKind
    ? { name, url }
    : { name: facts.item?.key ?? facts.cycle?.name ?? name, url: facts.item?.url ?? url };
  const index = groups.findIndex(
    (group) => group.kind === kind && (isProjectKind || group.project.identifier === identifier),
  );
  const group = groups[index];
  if (!group) return [...groups, { kind, project: { identifier, name, url }, count: 1, named: [subject] }];
  const isListed = group.named.length >= NAMED_LIMIT || group.named.some((other) => other.name === subject.name);
  const updated = { ...group, count: group.count + 1, named: isListed ? group.named : [...group.named, subject] };
  return groups.with(index, updated);
}
