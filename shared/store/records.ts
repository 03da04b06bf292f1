/**
 * How values of the store are used: a value is updated by computing the new one from the old until the commit succeeds,
 * sets are read page by page, and keys that contain a time sort the newest first. A caller takes its turn within a rate
 * limit: a bucket grants what fits into its window; a pause stops it when the other system says so, and after a long
 * pause a single probe is sent first.
 */

import { HOUR, MINUTE, type Ms } from "../time.ts";
import type { Commit, Consumption, Revision, ScanPage, SetName, Store, StoredRow, StoreKey } from "./port.ts";

interface UpdateDeps {
  store: Pick<Store, "read" | "commit">;
}

/** The commit to write if the value has not changed since it was read. Without `put` nothing is written. */
export interface ValueUpdate extends Pick<Commit, "expect" | "put" | "jobs"> {
  /** Runs after the commit has succeeded: logs, metrics and kicks, which a stale attempt must not cause. */
  afterCommit?: () => void | Promise<void>;
}

/** An update with a result for the caller, which is returned even when nothing is written. */
type ValueUpdateWithResult<Result> = ValueUpdate & { result: Result };

type Compute<Value, Update> = (value: Value | undefined, rev: Revision) => Update | Promise<Update>;

/** The systems whose rate limits are obeyed by pauses. Their buckets' names begin with the system's name. */
export type PausedSystem = "plane" | "telegram";

/** Whether a request may be sent now (`wait` is 0), and whether it is the probe of a pause. */
export interface Turn {
  wait: Ms;
  isProbe: boolean;
}

interface ScanDeps {
  store: Pick<Store, "scan">;
}

const MAX_TIME: Ms = 9_999_999_999_999;

/**
 * Limit of a pause, so that one excessive `Retry-After` cannot stop all requests: Plane limits requests per minute, so
 * 15 minutes are many of its windows; Telegram requires up to an hour after a flood of messages.
 */
export const MAX_PAUSE_MS: Record<PausedSystem, Ms> = { plane: 15 * MINUTE, telegram: HOUR };

/**
 * Limit of a pause of normal operation: 2 minutes. A longer one is reported as a fault, and at its end one probe is
 * sent before everything else.
 */
export const LONG_PAUSE_MS: Ms = 2 * MINUTE;

/** Lease of a probe: 1 minute, longer than the timeouts of all calls. Then another probe is sent. */
const PROBE_LEASE_MS: Ms = MINUTE;

/**
 * Reads the value of a key and commits the update that `compute` returns. When the value or one in `expect` was changed
 * meanwhile, it starts over from the new value, so `compute` may run several times. `rev` is 0 when nothing is stored.
 * `undefined` means no change.
 */
export async function updateValue<Value>(
  deps: UpdateDeps,
  key: StoreKey,
  compute: Compute<Value, ValueUpdate | undefined>,
): Promise<void>;

export async function updateValue<Value, Result>(
  deps: UpdateDeps,
  key: StoreKey,
  compute: Compute<Value, ValueUpdateWithResult<Result>>,
): Promise<Result>;

export async function updateValue<Value, Result>(
  { store }: UpdateDeps,
  key: StoreKey,
  compute: Compute<Value, (ValueUpdate & { result?: Result }) | undefined>,
): Promise<Result | undefined> {
  for (;;) {
    const [current] = await store.read<Value>([key]);
    const rev = current?.rev ?? 0;
    const update = await compute(current?.value, rev);
    if (!update?.put) return update?.result;
    const { expect = [], put, jobs = [] } = update;
    if ((await store.commit({ expect: [[key, rev], ...expect], put, jobs })) !== "committed") continue;
    await update.afterCommit?.();
    return update.result;
  }
}

/** Merges updates into one commit; what they do after it is done in their order. */
export function mergeUpdates(updates: readonly ValueUpdate[]): Required<ValueUpdate> {
  return {
    expect: updates.flatMap(({ expect = [] }) => expect),
    put: updates.flatMap(({ put = [] }) => put),
    jobs: updates.flatMap(({ jobs = [] }) => jobs),
    async afterCommit() {
      for (const { afterCommit } of updates) await afterCommit?.();
    },
  };
}

/** Reads a set page by page, in key order, so that only one page of a large set is in memory at a time. */
export async function* scanPages<T>(
  { store }: ScanDeps,
  set: SetName,
  size = 200,
): AsyncGenerator<StoredRow<T>[], void> {
  let after: string | undefined;
  do {
    const page = await store.scan<T>(set, after, size);
    yield page.rows;
    after = page.next;
  } while (after !== undefined);
}

/** Reads the rows of a set one by one, loading one page at a time. */
export async function* scanRows<T>(deps: ScanDeps, set: SetName): AsyncGenerator<StoredRow<T>, void> {
  for await (const rows of scanPages<T>(deps, set)) yield* rows;
}

/** Reads all rows of a set at once. For small sets only: sets of work items must be read with `scanRows`. */
export async function readAllRows<T>(deps: ScanDeps, set: SetName): Promise<StoredRow<T>[]> {
  const all: StoredRow<T>[] = [];
  for await (const rows of scanPages<T>(deps, set, 1000)) all.push(...rows);
  return all;
}

/**
 * Reads the first rows that match, in the order of the set. When few match, there may be fewer than `size` and a
 * `next`.
 * @param pageSize of one read
 * @param maxScanned limit of rows that are read
 */
export async function scanMatchingRows<T>(
  { store }: ScanDeps,
  set: SetName,
  options: {
    after: string | undefined;
    size: number;
    pageSize: number;
    maxScanned: number;
    matches: (value: T) => boolean;
  },
): Promise<ScanPage<T>> {
  const { size, pageSize, maxScanned, matches } = options;
  const rows: StoredRow<T>[] = [];
  let { after } = options;
  for (let scanned = 0; scanned < maxScanned; scanned += pageSize) {
    const page = await store.scan<T>(set, after, pageSize);
    for (const row of page.rows) {
      if (!matches(row.value)) continue;
      rows.push(row);
      if (rows.length === size && (page.next || row !== page.rows.at(-1))) return { rows, next: row.key };
    }
    if (page.next === undefined) return { rows };
    after = page.next;
  }
  return after === undefined ? { rows } : { rows, next: after };
}

/** Formats a time so that ascending order lists the newest first. Thirteen digits suffice until the year 2286. */
export function toDescendingKey(at: Ms): string {
  return String(MAX_TIME - Math.floor(at)).padStart(13, "0");
}

/** Parses the result of `toDescendingKey`. */
export function parseDescendingKey(text: string): Ms {
  return MAX_TIME - Number(text);
}

/**
 * Reserves a request by `consume`, which returns 0 or how long to wait. When the bucket of `probe` has a pause that has
 * ended and needs a probe, this request is sent as the probe. A pause above the system's limit is shortened to it.
 */
export async function reserveTurn(
  store: Pick<Store, "takeProbe" | "limitPause">,
  system: PausedSystem,
  probe: Consumption,
  consume: () => Promise<Ms>,
): Promise<Turn> {
  const wait = await consume();
  if (wait === 0) return { wait, isProbe: false };
  if (await store.takeProbe(probe, PROBE_LEASE_MS)) return { wait: 0, isProbe: true };
  if (wait <= MAX_PAUSE_MS[system]) return { wait, isProbe: false };
  await store.limitPause(probe.bucket, MAX_PAUSE_MS[system]);
  return { wait: MAX_PAUSE_MS[system], isProbe: false };
}

/** Pauses a bucket for the time that the system requires, up to the system's limit. */
export async function pauseBucket(
  store: Pick<Store, "pause">,
  system: PausedSystem,
  bucket: string,
  wait: Ms,
): Promise<void> {
  const limitedWait = Math.min(wait, MAX_PAUSE_MS[system]);
  await store.pause(bucket, limitedWait, limitedWait > LONG_PAUSE_MS);
}
