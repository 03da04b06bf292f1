import type { TaskEvent } from "./events.ts";
import type { KeptItem, Snapshot, Status } from "./snapshot.ts";

/**
 * Computes the events between two stored states of a work item. Pure; equal states give no events.
 * Without a `before` the item is new: the result is `created` and the events that lead to its present state.
 */
export function diff(before: KeptItem | undefined, after: KeptItem): TaskEvent[] {
  if (!before) return after.gone === undefined ? [{ kind: "created" }, ...collectChanges(toNewItem(after), after)] : [];
  if (after.gone !== undefined) return before.gone === undefined ? [{ kind: "removed" }] : [];
  const restored: TaskEvent[] = before.gone === undefined ? [] : [{ kind: "restored" }];
  return [...restored, ...collectChanges(before, after)];
}

/** Whether the status is neither done nor cancelled. */
export function isOpen(status: Status): boolean {
  return status !== "done" && status !== "cancelled";
}

/** Whether an open item has an open blocker, or is blocked by its state or label. */
export function isBlocked(item: KeptItem): boolean {
  return isOpenItem(item) && (item.blockers.length > 0 || item.snapshot.word === "blocked");
}

/** Whether the item exists and is neither done nor cancelled. */
export function isOpenItem(item: KeptItem): boolean {
  return item.gone === undefined && isOpen(item.snapshot.word);
}

/**
 * Whether this item still blocks its dependants: it is unknown, or it exists and is neither done nor cancelled. Whether
 * an item in review blocks them is a setting (OPENCLAW-18).
 */
export function isBlockingOthers(item: KeptItem | undefined, includeInReview = true): boolean {
  return item === undefined || (isOpenItem(item) && (includeInReview || !item.review));
}

/**
 * Whether a done item may have been reopened and completed again between two observations: `completed_at` is later. It
 * also becomes later by a change from one done state to another, and in some versions of Plane by every edit, so only
 * the activities are a proof.
 */
export function mayBeCompletedAgain(before: KeptItem | undefined, after: KeptItem): boolean {
  if (!before || before.gone !== undefined || after.gone !== undefined) return false;
  if (before.snapshot.word !== "done" || after.snapshot.word !== "done") return false;
  return (after.snapshot.completedAt ?? "") > (before.snapshot.completedAt ?? "9");
}

function collectChanges(before: KeptItem, after: KeptItem): TaskEvent[] {
  return [
    ...diffAssignees(before.snapshot, after.snapshot),
    ...diffFields(before.snapshot, after.snapshot),
    ...diffProgress(before, after),
  ];
}

function diffAssignees(before: Snapshot, after: Snapshot): TaskEvent[] {
  const added = after.assignees.filter((who) => !before.assignees.includes(who));
  const removed = before.assignees.filter((who) => !after.assignees.includes(who));
  return [
    ...added.map((who): TaskEvent => ({ kind: "assigned", who })),
    ...removed.map((who): TaskEvent => ({ kind: "unassigned", who })),
  ];
}

function diffFields(before: Snapshot, after: Snapshot): TaskEvent[] {
  const events: TaskEvent[] = [];
  if (before.name !== after.name) events.push({ kind: "renamed", from: before.name });
  if (before.due !== after.due) events.push({ kind: "due", from: before.due, to: after.due });
  if (before.priority !== after.priority) {
    events.push({ kind: "priority", from: before.priority, to: after.priority });
  }
  return events;
}

function diffProgress(before: KeptItem, after: KeptItem): TaskEvent[] {
  const from = before.snapshot.word;
  const to = after.snapshot.word;
  const events: TaskEvent[] = [];
  if (to === "done" && from !== "done") events.push({ kind: "completed" });
  if (to === "cancelled" && from !== "cancelled") events.push({ kind: "cancelled" });
  if (isOpen(to) && !isOpen(from)) events.push({ kind: "reopened" });
  if (to === "in_progress" && from !== "in_progress" && from !== "blocked") events.push({ kind: "started" });
  if (isBlocked(after) && !isBlocked(before)) events.push({ kind: "blocked" });
  if (!isBlocked(after) && isBlocked(before) && isOpen(to)) events.push({ kind: "unblocked" });
  return events;
}

/**
 * Returns the item as it would have been right after its creation, so that its present state can be diffed against
 * that.
 */
function toNewItem(item: KeptItem): KeptItem {
  return { snapshot: { ...item.snapshot, assignees: [], word: "todo" }, blockers: [] };
}
