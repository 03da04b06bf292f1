import type { KeptItem, Snapshot } from "./snapshot.ts";

/** A revision of the store: one sequence for all that is kept, and it only grows. 0: nothing is kept. */
type Rev = number;

/** Two reads that confirm a loss are at least so far apart: Plane deletes and re-inserts assignees and labels on an edit. */
export const CONFIRM_AFTER_MS = 2000;

/** What one observation saw of a work item. */
export type Seen =
  /** `covered`: Plane's time up to which a complete pass has seen every item there is. */
  | { via: "webhook"; snapshot: Snapshot; covered: string }
  /**
   * `since`: a revision taken before the request began; `began` and `ended`: store time around the request. `emptied`:
   * the request itself took everything out of these, so that they are empty is no half-done edit.
   */
  | { via: "read"; snapshot: Snapshot; since: Rev; began: number; ended: number; emptied?: readonly Losable[] }
  /** Plane answered, and the item was not there. */
  | { via: "absence"; since: Rev; began: number; ended: number };

/** What an edit of Plane takes out and puts back. */
type Losable = "assignees" | "labels";

export interface Verdict {
  /** What is kept from now on; absent: nothing changes. */
  next?: KeptItem;
  /** Read the item again, so many milliseconds from now. */
  rereadIn?: number;
}

const READ_NOW: Verdict = { rereadIn: 0 };
const NOTHING: Verdict = {};

/**
 * The rules of observe for one work item: what an observation does to what is kept. Pure.
 *
 * A webhook replaces only what is strictly older by Plane's own `updated_at`; of an item nobody has seen it counts
 * only when it is newer than the last complete pass, which would have seen it (an old body of a deleted item does not).
 * A read replaces whatever is kept when nothing was kept since the request began. What is neither, and differs, is a
 * reason to read.
 * Losses (no assignees, no labels, not there) count only when two reads at least 2 s apart saw them.
 */
export function accept(kept: KeptItem | undefined, rev: Rev, seen: Seen): Verdict {
  switch (seen.via) {
    case "webhook":
      return acceptWebhook(kept, seen);
    case "read":
      return acceptRead(kept, rev, seen);
    case "absence":
      return acceptAbsence(kept, rev, seen);
  }
}

/** Whether two snapshots say the same of the item, `updated_at` included. */
export function sameSnapshot(a: Snapshot, b: Snapshot): boolean {
  return FIELDS.every((field) => sameValue(a[field], b[field]));
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

function sameValue(a: Snapshot[keyof Snapshot], b: Snapshot[keyof Snapshot]): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((value, i) => value === b[i]);
  return a === b;
}

function acceptWebhook(kept: KeptItem | undefined, seen: Extract<Seen, { via: "webhook" }>): Verdict {
  const { snapshot, covered } = seen;
  if (!kept) return snapshot.updatedAt <= covered ? READ_NOW : { next: { snapshot, blockers: [] } };
  if (kept.gone !== undefined) return READ_NOW;
  if (sameSnapshot(kept.snapshot, snapshot)) return NOTHING;
  if (snapshot.updatedAt <= kept.snapshot.updatedAt) return READ_NOW;
  const whole = withheld(kept.snapshot, snapshot);
  const next = { ...refuted(kept, snapshot), snapshot: whole.snapshot };
  return whole.losses.length > 0 ? { next, rereadIn: 0 } : { next };
}

function acceptRead(kept: KeptItem | undefined, rev: Rev, seen: Extract<Seen, { via: "read" }>): Verdict {
  if (!kept) return { next: { snapshot: seen.snapshot, blockers: [] } };
  if (rev > seen.since)
    return kept.gone === undefined && sameSnapshot(kept.snapshot, seen.snapshot) ? NOTHING : READ_NOW;
  if (kept.gone !== undefined) return { next: alive(kept, seen.snapshot) };

  const { losses } = withheld(kept.snapshot, seen.snapshot);
  const doubt: NonNullable<KeptItem["doubt"]> = {};
  let snapshot = seen.snapshot;
  let rereadIn: number | undefined;
  for (const field of losses) {
    if (seen.emptied?.includes(field)) continue;
    const since = doubtedSince(kept.doubt?.[field], seen);
    const left = since + CONFIRM_AFTER_MS - seen.began;
    if (left <= 0) continue;
    doubt[field] = since;
    snapshot = { ...snapshot, [field]: kept.snapshot[field] };
    rereadIn = Math.max(rereadIn ?? 0, Math.min(left, CONFIRM_AFTER_MS));
  }
  if (doubt.labels !== undefined) snapshot = { ...snapshot, word: wordWithLabels(kept.snapshot, snapshot) };
  const next = alive(kept, snapshot, doubt);
  const changed = !sameSnapshot(kept.snapshot, snapshot) || !sameDoubt(kept.doubt, next.doubt);
  return { ...(changed && { next }), ...(rereadIn !== undefined && { rereadIn }) };
}

function acceptAbsence(kept: KeptItem | undefined, rev: Rev, seen: Extract<Seen, { via: "absence" }>): Verdict {
  if (!kept || kept.gone !== undefined) return NOTHING;
  if (rev > seen.since) return READ_NOW;
  const since = doubtedSince(kept.doubt?.gone, seen);
  const left = since + CONFIRM_AFTER_MS - seen.began;
  if (left > 0) {
    const rereadIn = Math.min(left, CONFIRM_AFTER_MS);
    if (kept.doubt?.gone === since) return { rereadIn };
    return { next: { ...kept, doubt: { ...kept.doubt, gone: since } }, rereadIn };
  }
  const { doubt: _, ...rest } = kept;
  return { next: { ...rest, blockers: [], gone: seen.ended } };
}

/** A doubt from times to come, because the store's clock was set back, begins anew. */
function doubtedSince(doubt: number | undefined, { ended }: { ended: number }): number {
  return doubt === undefined ? ended : Math.min(doubt, ended);
}

/**
 * Plane removes all assignees (or labels) of an item in one statement and inserts the new ones in the next, so only
 * an empty list can be a half-done edit; a list with someone in it is whole.
 */
function withheld(kept: Snapshot, seen: Snapshot): { snapshot: Snapshot; losses: Losable[] } {
  const losses = (["assignees", "labels"] as const).filter(
    (field) => kept[field].length > 0 && seen[field].length === 0,
  );
  const snapshot = { ...seen };
  for (const field of losses) snapshot[field] = kept[field];
  if (losses.includes("labels")) snapshot.word = wordWithLabels(kept, seen);
  return { snapshot, losses };
}

/** A label can be what makes an item blocked: while its loss is doubted and the state stands, so does the word. */
function wordWithLabels(kept: Snapshot, seen: Snapshot): Snapshot["word"] {
  return kept.state === seen.state ? kept.word : seen.word;
}

/** A webhook that shows someone refutes the doubt; that the item was there when it was written does not say it still is. */
function refuted(kept: KeptItem, shown: Snapshot): KeptItem {
  const { doubt: before, ...rest } = kept;
  const doubt = { ...before };
  if (shown.assignees.length > 0) delete doubt.assignees;
  if (shown.labels.length > 0) delete doubt.labels;
  return { ...rest, ...(Object.keys(doubt).length > 0 && { doubt }) };
}

function alive(kept: KeptItem, snapshot: Snapshot, doubt: NonNullable<KeptItem["doubt"]> = {}): KeptItem {
  const { gone: _gone, doubt: _doubt, ...rest } = kept;
  return { ...rest, snapshot, ...(Object.keys(doubt).length > 0 && { doubt }) };
}

function sameDoubt(a: KeptItem["doubt"], b: KeptItem["doubt"]): boolean {
  return a?.assignees === b?.assignees && a?.labels === b?.labels && a?.gone === b?.gone;
}
