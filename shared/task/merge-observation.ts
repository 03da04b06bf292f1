import { omitUndefined } from "../omit-undefined.ts";
import { type Ms, SECOND } from "../time.ts";
import type { ItemRecord, Snapshot } from "./snapshot.ts";

/** A revision of the store: one increasing sequence for all values; 0 means that nothing is stored. */
type Rev = number;

/**
 * Interval between two reads that confirm a loss: 2 s, because Plane deletes and re-inserts assignees and labels on an
 * edit, and a read in between sees none.
 */
export const CONFIRM_LOSS_AFTER_MS: Ms = 2 * SECOND;

/** When something was read: a revision taken before the request began, and store time around the request. */
export interface ReadTimes {
  since: Rev;
  began: Ms;
  ended: Ms;
}

/** One observation of a work item and where it came from. */
export type Observation =
  /** `covered`: Plane's time up to which a complete pass has seen every existing item. */
  | { via: "webhook"; snapshot: Snapshot; covered: string }
  /** `emptied`: fields that the request itself cleared, so an empty list is not an edit in progress. */
  | ({ via: "read"; snapshot: Snapshot; emptied?: readonly ClearableField[] } & ReadTimes)
  /** Plane answered, and the item was not found. */
  | ({ via: "absence" } & ReadTimes);

/** Fields that Plane clears and fills again during an edit. */
type ClearableField = "assignees" | "labels";

export interface MergeResult {
  /** The new stored state; absent: no change. */
  next?: ItemRecord;
  /** The item must be read again after this many milliseconds. */
  rereadIn?: Ms;
}

const REREAD_NOW: MergeResult = { rereadIn: 0 };
const NO_CHANGE: MergeResult = {};

/**
 * Computes how an observation changes the stored state of a work item. Pure.
 *
 * A webhook replaces only a state that is strictly older by Plane's `updated_at`. A webhook of an unknown item counts
 * only when it is newer than the last complete pass, because that pass would have seen the item: an older one is the
 * late webhook of a deleted item. A read replaces the stored state when nothing was stored since the request began.
 * Any other observation that differs from the stored state causes a new read.
 * Losses (no assignees, no labels, item not found) count only when two reads at least 2 s apart saw them.
 */
export function mergeObservation(stored: ItemRecord | undefined, rev: Rev, observation: Observation): MergeResult {
  // Reads of details store their progress with the item, which does not make an observation out of date.
  const observedRev = stored?.observedRev ?? rev;
  if (observation.via === "webhook") return mergeWebhook(stored, observation);
  if (observation.via === "read") return mergeRead(stored, observedRev, observation);
  return mergeAbsence(stored, observedRev, observation);
}

/** Whether two snapshots of an item are equal, including `updated_at`. */
export function isSameSnapshot(a: Snapshot, b: Snapshot): boolean {
  return FIELDS.every((field) => isSameValue(a[field], b[field]));
}

const FIELDS = [
  ...(["updatedAt", "state", "status", "name", "priority", "assignees", "labels", "due", "start", "parent"] as const),
  ...(["description", "completedAt", "sequence", "project"] as const),
];

function isSameValue(a: Snapshot[keyof Snapshot], b: Snapshot[keyof Snapshot]): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((value, i) => value === b[i]);
  return a === b;
}

function mergeWebhook(
  stored: ItemRecord | undefined,
  observation: Extract<Observation, { via: "webhook" }>,
): MergeResult {
  const { snapshot, covered } = observation;
  if (!stored) return snapshot.updatedAt <= covered ? REREAD_NOW : { next: { snapshot, blockers: [] } };
  if (stored.removedAt !== undefined) return REREAD_NOW;
  if (isSameSnapshot(stored.snapshot, snapshot)) return NO_CHANGE;
  if (snapshot.updatedAt <= stored.snapshot.updatedAt) return REREAD_NOW;
  const losses = findClearedFields(stored.snapshot, snapshot);
  const next = { ...dropRefutedLosses(stored, snapshot), snapshot: restoreFields(stored.snapshot, snapshot, losses) };
  return losses.length > 0 ? { next, rereadIn: 0 } : { next };
}

function mergeRead(
  stored: ItemRecord | undefined,
  rev: Rev,
  observation: Extract<Observation, { via: "read" }>,
): MergeResult {
  if (!stored) return { next: { snapshot: observation.snapshot, blockers: [] } };
  if (rev > observation.since)
    return stored.removedAt === undefined && isSameSnapshot(stored.snapshot, observation.snapshot)
      ? NO_CHANGE
      : REREAD_NOW;
  if (stored.removedAt !== undefined) return { next: reviveItem(stored, observation.snapshot) };

  const pending: NonNullable<ItemRecord["pendingLosses"]> = {};
  const restored: ClearableField[] = [];
  let rereadIn: Ms | undefined;
  for (const field of findClearedFields(stored.snapshot, observation.snapshot)) {
    const loss = findPendingLoss(stored.pendingLosses?.[field], observation);
    if (!loss || observation.emptied?.includes(field)) continue;
    restored.push(field);
    pending[field] = loss.since;
    rereadIn = Math.max(rereadIn ?? 0, loss.rereadIn);
  }
  const snapshot = restoreFields(stored.snapshot, observation.snapshot, restored);
  const next = reviveItem(stored, snapshot, pending);
  const { pendingLosses: before } = stored;
  const hasSameLosses = (["assignees", "labels", "removal"] as const).every(
    (field) => before?.[field] === pending[field],
  );
  const isChanged = !isSameSnapshot(stored.snapshot, snapshot) || !hasSameLosses;
  return omitUndefined({ next: isChanged ? next : undefined, rereadIn });
}

function mergeAbsence(
  stored: ItemRecord | undefined,
  rev: Rev,
  observation: Extract<Observation, { via: "absence" }>,
): MergeResult {
  if (!stored || stored.removedAt !== undefined) return NO_CHANGE;
  if (rev > observation.since) return REREAD_NOW;
  const loss = findPendingLoss(stored.pendingLosses?.removal, observation);
  if (loss) {
    const { since, rereadIn } = loss;
    if (stored.pendingLosses?.removal === since) return { rereadIn };
    return { next: { ...stored, pendingLosses: { ...stored.pendingLosses, removal: since } }, rereadIn };
  }
  const { pendingLosses: _, ...rest } = stored;
  return { next: { ...rest, blockers: [], removedAt: observation.ended } };
}

/**
 * Returns since when a loss is pending and in how many milliseconds a read can confirm it; undefined when this read
 * confirms it. A pending loss with a future time, which occurs after the store's clock was set back, starts again now.
 */
function findPendingLoss(
  pendingSince: Ms | undefined,
  { began, ended }: ReadTimes,
): { since: Ms; rereadIn: Ms } | undefined {
  const since = Math.min(pendingSince ?? ended, ended);
  const remainingMs = since + CONFIRM_LOSS_AFTER_MS - began;
  return remainingMs > 0 ? { since, rereadIn: Math.min(remainingMs, CONFIRM_LOSS_AFTER_MS) } : undefined;
}

/**
 * Finds lists that an edit in progress may have emptied. Plane deletes all assignees (or labels) of an item in one
 * statement and inserts the new ones in the next, so only an empty list can be incomplete.
 */
function findClearedFields(stored: Snapshot, observed: Snapshot): ClearableField[] {
  return (["assignees", "labels"] as const).filter((field) => stored[field].length > 0 && observed[field].length === 0);
}

/**
 * Restores these lists. A label can make an item blocked, so the status stays as well while the loss of labels is
 * unconfirmed and the state is the same.
 */
function restoreFields(stored: Snapshot, observed: Snapshot, fields: readonly ClearableField[]): Snapshot {
  const snapshot = { ...observed };
  for (const field of fields) snapshot[field] = stored[field];
  if (fields.includes("labels") && stored.state === observed.state) snapshot.status = stored.status;
  return snapshot;
}

/**
 * Drops the pending losses of lists that a webhook shows filled. A pending removal stays: the webhook only shows that
 * the item existed when it was sent.
 */
function dropRefutedLosses(stored: ItemRecord, observed: Snapshot): ItemRecord {
  const { pendingLosses: before, ...rest } = stored;
  const pending = { ...before };
  if (observed.assignees.length > 0) delete pending.assignees;
  if (observed.labels.length > 0) delete pending.labels;
  return { ...rest, ...omitUndefined({ pendingLosses: toPendingLosses(pending) }) };
}

function reviveItem(stored: ItemRecord, snapshot: Snapshot, pending: NonNullable<ItemRecord["pendingLosses"]> = {}) {
  const { removedAt: _removedAt, pendingLosses: _pendingLosses, ...rest } = stored;
  return { ...rest, snapshot, ...omitUndefined({ pendingLosses: toPendingLosses(pending) }) };
}

/** Undefined when no loss is pending. */
function toPendingLosses(pending: NonNullable<ItemRecord["pendingLosses"]>): ItemRecord["pendingLosses"] {
  return Object.keys(pending).length > 0 ? pending : undefined;
}
