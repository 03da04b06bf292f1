/**
 * What a list of Plane lacks. A list may be wrong: empty, cut off, or that of another workspace. So nothing is removed
 * because of a list alone: Plane must deny each item by itself, in a large loss a sample first. While Plane shows an
 * item that its list lacks, or has not been asked for all, the project is in doubt, and keeps what is stored.
 */

import type { SyncDeps } from "../app/deps.ts";
import { PlaneAuthError, PlaneRateLimitedError } from "../plane/errors.ts";
import { type ProjectDoubt, type ProjectRecord, toProjectPut } from "../records/plane-records.ts";
import { observedKeys, observedSets } from "../records/store-keys.ts";
import { scanRows, updateValue } from "../store/records.ts";
import { CONFIRM_LOSS_AFTER_MS, type ReadTimes } from "../task/merge-observation.ts";
import type { ItemRecord } from "../task/snapshot.ts";
import { MINUTE, type Ms } from "../time.ts";
import type { ObservationSource } from "./event-facts.ts";
import { type AskedItem, askForItem, askForProject, observeAskedItem } from "./observe-item.ts";

export interface LossCheck {
  /** Number of items that Plane denied, which are removed now. */
  removed: number;
  /** Number of items for which there was no quota; the next pass goes on with them. */
  unasked: number;
  /** Most of the project is missing, which is not confirmed, or is refuted: Plane shows an item that its list lacks. */
  isDoubtful: boolean;
}

export const NOTHING_MISSING: LossCheck = { removed: 0, unasked: 0, isDoubtful: false };

type CheckSource = Omit<ObservationSource, "cause">;

/** The caller reads the items itself, so no read is queued. */
const NO_REREADS = { rereads: false };

/** Number of items for which Plane is asked first: 5. */
const SAMPLE_SIZE = 5;

/** Limit of items for which one pass asks Plane: 100, as many changes as one poll has to find. */
const ITEMS_PER_PASS = 100;

/** Limit of the time that one check waits for quota: a minute. What it could not ask for follows with the next pass. */
const QUOTA_WAIT_MS: Ms = MINUTE;

/**
 * Asks Plane for items that its list lacks, at least 2 s after the list, and removes those that it denies (observation
 * rule 4). When most of the `known` stored items of a project are missing and Plane shows one of a sample, the list is
 * wrong and none is removed.
 */
export async function confirmMissingItems(
  deps: SyncDeps,
  { ids, known, list }: { ids: readonly string[]; known: number; list: ReadTimes },
  source: CheckSource,
): Promise<LossCheck> {
  await deps.wait(CONFIRM_LOSS_AFTER_MS);
  const isLargeLoss = ids.length > 1 && ids.length * 2 > known;
  const sample = takeSample(ids);
  const rest = ids.filter((id) => !sample.includes(id)).slice(0, ITEMS_PER_PASS - sample.length);
  const waitBudget = { left: QUOTA_WAIT_MS };
  const refuted: LossCheck = { removed: 0, unasked: 0, isDoubtful: isLargeLoss };
  const check: LossCheck = { removed: 0, unasked: ids.length, isDoubtful: isLargeLoss };
  for (const batch of [sample, rest]) {
    // That the list lacks an item is the first of two reads at most.
    const stored = await deps.store.read<ItemRecord>(batch.map(observedKeys.item));
    const unread = batch.filter((_, i) => stored[i]?.value.pendingLosses?.removal === undefined);
    for (const id of unread) await observeAskedItem(deps, { id, snapshot: undefined, ...list }, source, NO_REREADS);
    const { asked, isLimited } = await askForItems(batch, (id) =>
      askForItem(deps, source.project.id, id, { waitBudget }),
    );
    const absent = asked.filter(({ snapshot }) => !snapshot);
    for (const item of asked) if (item.snapshot) await observeAskedItem(deps, item, source, NO_REREADS);
    if (isLargeLoss && absent.length < asked.length) return { ...refuted, removed: check.removed };
    // A part of the sample is none.
    if (batch === sample && isLargeLoss && isLimited) return check;
    const answer = absent.length > 0 ? await askForProject(deps, source.project.id) : "listed";
    // The items of an archived project are denied as well, and are not removed (observation rule 5).
    if (answer === "unlisted") return { ...NOTHING_MISSING, removed: check.removed };
    if (answer !== "listed") return { ...refuted, removed: check.removed };
    for (const item of absent) {
      const { events } = await observeAskedItem(deps, item, source, NO_REREADS);
      if (events.some(({ kind }) => kind === "removed")) check.removed += 1;
    }
    check.unasked -= asked.length;
    if (isLimited) return check;
  }
  return { ...check, isDoubtful: isLargeLoss && check.unasked > 0 };
}

/**
 * Asks Plane for a project that its list lacks, and for each of its open items. Returns what is in doubt, and `isGone`
 * when a second read lacks the project as well and Plane denies it and all of them. Plane refuses the items of a
 * deleted project with 403.
 */
export async function confirmMissingProject(
  deps: SyncDeps,
  project: ProjectRecord,
): Promise<{ doubt: ProjectDoubt; isGone: boolean }> {
  const isSecondRead = project.doubt?.reason === "missing";
  const since = project.doubt?.since ?? (await deps.store.now());
  const refuted: ProjectDoubt = { reason: "missing", since };
  if ((await askForProject(deps, project.id)) !== "denied") return { doubt: refuted, isGone: false };
  const ids = await readOpenIds(deps, project.id);
  const before = isSecondRead ? project.doubt?.deniedUpTo : undefined;
  const rest = ids.filter((id) => id > (before ?? "")).slice(0, ITEMS_PER_PASS);
  const waitBudget = { left: QUOTA_WAIT_MS };
  const ask = async (id: string): Promise<AskedItem | undefined> => {
    try {
      return await askForItem(deps, project.id, id, { waitBudget });
    } catch (thrown) {
      if (thrown instanceof PlaneAuthError && thrown.reason === "permission") return undefined;
      throw thrown;
    }
  };
  let deniedUpTo = before ?? "";
  for (const batch of before === undefined ? [takeSample(ids), rest] : [rest]) {
    const { asked, isLimited } = await askForItems(batch, ask);
    if (asked.some((item) => item?.snapshot)) return { doubt: refuted, isGone: false };
    if (batch === rest) deniedUpTo = rest[asked.length - 1] ?? deniedUpTo;
    else if (isLimited) return { doubt: refuted, isGone: false };
  }
  const isGone = isSecondRead && ids.every((id) => id <= deniedUpTo);
  return { doubt: { ...refuted, deniedUpTo }, isGone };
}

/** Stores whether a project's list is in doubt, and since when. */
export async function recordDoubt(
  deps: Pick<SyncDeps, "store">,
  id: string,
  reason: ProjectDoubt["reason"] | undefined,
): Promise<void> {
  await updateValue<ProjectRecord>(deps, observedKeys.project(id), async (stored) => {
    if (!stored || stored.doubt?.reason === reason) return undefined;
    const { doubt, ...rest } = stored;
    const since = doubt?.since ?? (await deps.store.now());
    return { put: [toProjectPut(reason ? { ...rest, doubt: { reason, since } } : rest)] };
  });
}

/** Asks for items one after another until the quota ends. */
async function askForItems<T>(ids: readonly string[], ask: (id: string) => Promise<T>) {
  const asked: T[] = [];
  try {
    for (const id of ids) asked.push(await ask(id));
  } catch (thrown) {
    if (!(thrown instanceof PlaneRateLimitedError)) throw thrown;
    return { asked, isLimited: true };
  }
  return { asked, isLimited: false };
}

/** Takes items from all over the list, because those at one end may have something in common. */
function takeSample(ids: readonly string[]): string[] {
  const step = Math.max(1, ids.length / SAMPLE_SIZE);
  return ids.filter((_, i) => Math.floor(i / step) !== Math.floor((i - 1) / step)).slice(0, SAMPLE_SIZE);
}

/** Returns the ids of the open items of a project, in order; those of some others when none is open. */
async function readOpenIds(deps: Pick<SyncDeps, "store">, project: string): Promise<string[]> {
  const ids: string[] = [];
  for await (const { value } of scanRows<ItemRecord>(deps, observedSets.open(project))) ids.push(value.snapshot.id);
  if (ids.length > 0) return ids.sort();
  for await (const { value } of scanRows<ItemRecord>(deps, observedSets.items(project)))
    if (ids.push(value.snapshot.id) === SAMPLE_SIZE) break;
  return ids.sort();
}
