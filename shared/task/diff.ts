import type { TaskEvent } from "./events.ts";
import type { KeptItem, Snapshot, Word } from "./snapshot.ts";

/**
 * What happened to a work item between two kept states. Pure; the same state twice gives nothing.
 * Without a `before` the item is new: it was created, and what it already is has happened since.
 */
export function diff(before: KeptItem | undefined, after: KeptItem): TaskEvent[] {
  if (!before) return after.gone === undefined ? [{ kind: "created" }, ...changes(blank(after), after)] : [];
  if (after.gone !== undefined) return before.gone === undefined ? [{ kind: "removed" }] : [];
  const restored: TaskEvent[] = before.gone === undefined ? [] : [{ kind: "restored" }];
  return [...restored, ...changes(before, after)];
}

/** Neither done nor cancelled. */
export function isOpen(word: Word): boolean {
  return word !== "done" && word !== "cancelled";
}

/** `task.blocked`: an open item with an open blocker, or in a state (or under a label) that says so. */
export function isBlocked(item: KeptItem): boolean {
  return isWaiting(item) && (item.blockers.length > 0 || item.snapshot.word === "blocked");
}

function isWaiting(item: KeptItem): boolean {
  return item.gone === undefined && isOpen(item.snapshot.word);
}

/**
 * Whether others who wait for this item still have to: it is there and neither done nor cancelled. One that is finished
 * but for its review holds them up where the settings say so (OPENCLAW-18).
 */
export function holdsOthersUp(item: KeptItem | undefined, inReviewToo = true): boolean {
  return item === undefined || (isWaiting(item) && (inReviewToo || !item.review));
}

function changes(before: KeptItem, after: KeptItem): TaskEvent[] {
  return [
    ...people(before.snapshot, after.snapshot),
    ...fields(before.snapshot, after.snapshot),
    ...progress(before, after),
  ];
}

function people(before: Snapshot, after: Snapshot): TaskEvent[] {
  const came = after.assignees.filter((who) => !before.assignees.includes(who));
  const left = before.assignees.filter((who) => !after.assignees.includes(who));
  return [
    ...came.map((who): TaskEvent => ({ kind: "assigned", who })),
    ...left.map((who): TaskEvent => ({ kind: "unassigned", who })),
  ];
}

function fields(before: Snapshot, after: Snapshot): TaskEvent[] {
  const events: TaskEvent[] = [];
  if (before.name !== after.name) events.push({ kind: "renamed", from: before.name });
  if (before.due !== after.due) events.push({ kind: "due", from: before.due, to: after.due });
  if (before.priority !== after.priority) {
    events.push({ kind: "priority", from: before.priority, to: after.priority });
  }
  return events;
}

function progress(before: KeptItem, after: KeptItem): TaskEvent[] {
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

/** The item as it would have been before anything was done to it. */
function blank(item: KeptItem): KeptItem {
  return { snapshot: { ...item.snapshot, assignees: [], word: "todo" }, blockers: [] };
}
