import { omitUndefined } from "../omit-undefined.ts";
import { type Ms, SECOND } from "../time.ts";
import type { KeptItem, Snapshot } from "./snapshot.ts";

/** A revision of the store: one sequence for all that is kept, and it only grows. 0: nothing is kept. */
type Rev = number;

/** Two reads that confirm a loss are at least so far apart: Plane deletes and re-inserts assignees and labels on an edit. */
export const CONFIRM_LOSS_AFTER_MS: Ms = 2 * SECOND;

/** What one observation saw of a work item. */
export type Observation =
  /** `covered`: Plane's time up to which a complete pass has seen every item there is. */
  | { via: "webhook"; snapshot: Snapshot; covered: string }
  /**
   * `since`: a revision taken before the request began; `began` and `ended`: store time around the request. `emptied`:
   * the request itself took everything out of these, so that they are empty is no half-done edit.
   */
  | { via: "read"; snapshot: Snapshot; since: Rev; began: number; ended: number; emptied?: readonly ClearableField[] }
  /** Plane answered, and the item was not there. */
  | { via: "absence"; since: Rev; began: number; ended: number };

/** What an edit of Plane takes out and puts back. */
type ClearableField = "assignees" | "labels";

export interface MergeResult {
  /** What is kept from now on; absent: nothing changes. */
  next?: KeptItem;
  /** Read the item again, so many milliseconds from now. */
  rereadIn?: Ms;
}

const REREAD_NOW: MergeResult = { rereadIn: 0 };
const NO_CHANGE: MergeResult = {};

/**
 * The rules of observe for one work item: what an observation does to what is kept. Pure.
 *
 * A webhook replaces only what is strictly older by Plane's own `updated_at`; of an item nobody has seen it counts
 * only when it is newer than the last complete pass, which would have seen it (an old body of a deleted item does not).
 * A read replaces whatever is kept when nothing was kept since the request began. What is neither, and differs, is a
 * reason to read.
 * Losses (no assignees, no labels, not there) count only when two reads at least 2 s apart saw them.
 */
export function mergeObservation(kept: KeptItem | undefined, rev: Rev, observation: Observation): MergeResult {
  switch (observation.via) {
    case "webhook":
      return mergeWebhook(kept, observation);
    case "read":
      return mergeRead(kept, rev, observation);
    case "absence":
      return mergeAbsence(kept, rev, observation);
  }
}

/** Whether two snapshots say the same of the item, `updated_at` included. */
export function isSameSnapshot(a: Snapshot, b: Snapshot): boolean {
  return FIELDS.every((field) => isSameValue(a[field], b[field]));
}

const FIELDS = [
  "updatedAt",
  "state",
  "word",
  "name",
  "priority",
  "assignees",
  "labels",
  "due",
  "start",
  "parent",
  "description",
  "completedAt",
  "sequence",
  "project",
] as const satisfies readonly (keyof Snapshot)[];

function isSameValue(a: Snapshot[keyof Snapshot], b: Snapshot[keyof Snapshot]): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((value, i) => value === b[i]);
  return a === b;
}

function mergeWebhook(kept: KeptItem | undefined, observation: Extract<Observation, { via: "webhook" }>): MergeResult {
  const { snapshot, covered } = observation;
  if (!kept) return snapshot.updatedAt <= covered ? REREAD_NOW : { next: { snapshot, blockers: [] } };
  if (kept.gone !== undefined) return REREAD_NOW;
  if (isSameSnapshot(kept.snapshot, snapshot)) return NO_CHANGE;
  if (snapshot.updatedAt <= kept.snapshot.updatedAt) return REREAD_NOW;
  const restored = restoreClearedFields(kept.snapshot, snapshot);
  const next = { ...dropRefutedLosses(kept, snapshot), snapshot: restored.snapshot };
  return restored.losses.length > 0 ? { next, rereadIn: 0 } : { next };
}

function mergeRead(
  kept: KeptItem | undefined,
  rev: Rev,
  observation: Extract<Observation, { via: "read" }>,
): MergeResult {
  if (!kept) return { next: { snapshot: observation.snapshot, blockers: [] } };
  if (rev > observation.since)
    return kept.gone === undefined && isSameSnapshot(kept.snapshot, observation.snapshot) ? NO_CHANGE : REREAD_NOW;
  if (kept.gone !== undefined) return { next: reviveItem(kept, observation.snapshot) };

  const { losses } = restoreClearedFields(kept.snapshot, observation.snapshot);
  const pending: NonNullable<KeptItem["doubt"]> = {};
  let snapshot = observation.snapshot;
  let rereadIn: Ms | undefined;
  for (const field of losses) {
    if (observation.emptied?.includes(field)) continue;
    const since = getPendingSince(kept.doubt?.[field], observation);
    const remainingMs = since + CONFIRM_LOSS_AFTER_MS - observation.began;
    if (remainingMs <= 0) continue;
    pending[field] = since;
    snapshot = { ...snapshot, [field]: kept.snapshot[field] };
    rereadIn = Math.max(rereadIn ?? 0, Math.min(remainingMs, CONFIRM_LOSS_AFTER_MS));
  }
  if (pending.labels !== undefined)
    snapshot = { ...snapshot, word: getStatusDespiteLabelLoss(kept.snapshot, snapshot) };
  const next = reviveItem(kept, snapshot, pending);
  const changed = !isSameSnapshot(kept.snapshot, snapshot) || !hasSamePendingLosses(kept.doubt, next.doubt);
  return omitUndefined({ next: changed ? next : undefined, rereadIn });
}

function mergeAbsence(
  kept: KeptItem | undefined,
  rev: Rev,
  observation: Extract<Observation, { via: "absence" }>,
): MergeResult {
  if (!kept || kept.gone !== undefined) return NO_CHANGE;
  if (rev > observation.since) return REREAD_NOW;
  const since = getPendingSince(kept.doubt?.gone, observation);
  const remainingMs = since + CONFIRM_LOSS_AFTER_MS - observation.began;
  if (remainingMs > 0) {
    const rereadIn = Math.min(remainingMs, CONFIRM_LOSS_AFTER_MS);
    if (kept.doubt?.gone === since) return { rereadIn };
    return { next: { ...kept, doubt: { ...kept.doubt, gone: since } }, rereadIn };
  }
  const { doubt: _, ...rest } = kept;
  return { next: { ...rest, blockers: [], gone: observation.ended } };
}

/** A doubt from times to come, because the store's clock was set back, begins anew. */
function getPendingSince(pendingSince: number | undefined, { ended }: { ended: number }): number {
  return pendingSince === undefined ? ended : Math.min(pendingSince, ended);
}

/**
 * Plane removes all assignees (or labels) of an item in one statement and inserts the new ones in the next, so only
 * an empty list can be a half-done edit; a list with someone in it is whole.
 */
function restoreClearedFields(kept: Snapshot, observed: Snapshot): { snapshot: Snapshot; losses: ClearableField[] } {
  const losses = (["assignees", "labels"] as const).filter(
    (field) => kept[field].length > 0 && observed[field].length === 0,
  );
  const snapshot = { ...observed };
  for (const field of losses) snapshot[field] = kept[field];
  if (losses.includes("labels")) snapshot.word = getStatusDespiteLabelLoss(kept, observed);
  return { snapshot, losses };
}

/** A label can be what makes an item blocked: while its loss is doubted and the state stands, so does the word. */
function getStatusDespiteLabelLoss(kept: Snapshot, observed: Snapshot): Snapshot["word"] {
  return kept.state === observed.state ? kept.word : observed.word;
}

/** A webhook that shows someone refutes the doubt; that the item was there when it was written does not say it still is. */
function dropRefutedLosses(kept: KeptItem, observed: Snapshot): KeptItem {
  const { doubt: before, ...rest } = kept;
  const pending = { ...before };
  if (observed.assignees.length > 0) delete pending.assignees;
  if (observed.labels.length > 0) delete pending.labels;
  return { ...rest, ...omitUndefined({ doubt: toDoubt(pending) }) };
}

function reviveItem(kept: KeptItem, snapshot: Snapshot, pending: NonNullable<KeptItem["doubt"]> = {}): KeptItem {
  const { gone: _gone, doubt: _doubt, ...rest } = kept;
  return { ...rest, snapshot, ...omitUndefined({ doubt: toDoubt(pending) }) };
}

/** Undefined when no loss is pending. */
function toDoubt(pending: NonNullable<KeptItem["doubt"]>): KeptItem["doubt"] {
  return Object.keys(pending).length > 0 ? pending : undefined;
}

function hasSamePendingLosses(a: KeptItem["doubt"], b: KeptItem["doubt"]): boolean {
  return a?.assignees === b?.assignees && a?.labels === b?.labels && a?.gone === b?.gone;
}
