/**
 * How values of the store are used: a value is updated by computing the new one from the old until the commit
 * succeeds, sets are read page by page, and keys that contain a time sort the newest first.
 */

import type { Ms } from "../time.ts";
import type { Commit, Put, Revision, ScanPage, SetName, Store, StoredRow, StoreKey } from "./port.ts";

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

interface ScanDeps {
  store: Pick<Store, "scan">;
}

const MAX_TIME: Ms = 9_999_999_999_999;

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
export function mergeUpdates(updates: readonly ValueUpdate[]): ValueUpdate & { put: Put[] } {
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
 * Reads the first rows that match, in the order of the set. When few match, there may be fewer than `size` and a `next`.
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
