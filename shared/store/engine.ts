/**
 * What all engines of the store share: the checks of what they are given, what a commit does step by step, the
 * sequence that numbers revisions and fences, and how long ids are remembered.
 */

import type { Json } from "../omit-undefined.ts";
import { DAY, type Ms } from "../time.ts";
import type { Commit, Consumption, Queue, Revision, ScanPage, SetName, Store, StoredValue, StoreKey } from "./port.ts";

/** A commit with checked names and serialized values, so that invalid input cannot make an engine fail half-way. */
export interface CheckedCommit {
  expect: [StoreKey, Revision][];
  fence: [StoreKey, number] | undefined;
  puts: CheckedPut[];
  jobs: CheckedJob[];
}

export interface CheckedPut {
  key: StoreKey;
  /** The value as JSON text; absent: delete the key. */
  text: string | undefined;
  sets: SetName[];
  expires: Ms | undefined;
}

export interface CheckedJob {
  id: string;
  queue: Queue;
  lane: string;
  at: Ms | undefined;
  text: string;
}

/** The values of an engine that answers without waiting, as those in memory and in SQL do. */
interface EngineValues {
  get<T>(key: StoreKey): StoredValue<T> | undefined;
  rev(key: StoreKey): Revision;
  scan<T>(set: SetName, after: string | undefined, limit: number): ScanPage<T>;
  count(set: SetName): number;
  put(puts: CheckedPut[]): void;
}

interface CommitParts {
  values: Pick<EngineValues, "rev" | "put">;
  leases: { holds(key: StoreKey, fence: number): boolean };
  jobs: { add(jobs: CheckedJob[]): void };
}

const INVALID_IN_KEY = /[\s\p{Cc}\p{Cs}]/u;

const INVALID_IN_NAME = /[\p{Cc}\p{Cs}]/u;

/** Retention of the ids of done jobs and of the last fencing token of a lease: 2 days. */
export const RETENTION: Ms = 2 * DAY;

/** Default limit of `scan` and `listDeadJobs`: 200. */
export const DEFAULT_PAGE_SIZE = 200;

/** Checks a commit in the same way for every engine; throws a TypeError that names the invalid part. */
export function checkCommit(commit: Commit): CheckedCommit {
  return {
    expect: (commit.expect ?? []).map(([key, rev]) => [checkKey(key), rev]),
    fence: commit.fence && [checkKey(commit.fence[0]), commit.fence[1]],
    puts: (commit.put ?? []).map((put) => ({
      key: checkKey(put.key),
      text: put.value === undefined ? undefined : toJsonText(`the value of ${put.key}`, put.value),
      sets: [...new Set((put.sets ?? []).map(checkKey))],
      expires: put.expires === undefined ? undefined : checkMs("expires", put.expires),
    })),
    jobs: (commit.jobs ?? []).map((job) => ({
      id: checkName("job id", job.id),
      queue: job.queue,
      lane: checkName("lane", job.lane),
      at: job.at === undefined ? undefined : checkMs("at", job.at),
      text: toJsonText(`the body of job ${job.id}`, job.body),
    })),
  };
}

/** Serializes with `JSON.stringify`: NaN becomes null, -0 becomes 0, lone surrogates are escaped. */
function toJsonText(label: string, value: unknown): string {
  const text: string | undefined = JSON.stringify(value);
  if (text === undefined) throw new TypeError(`${label} is not JSON.`);
  return text;
}

/** Applies a commit if its lease is held and every expected revision is current. The caller makes it one transaction. */
export function applyCommit(
  { values, leases, jobs }: CommitParts,
  { expect, fence, puts, jobs: added }: CheckedCommit,
): Awaited<ReturnType<Store["commit"]>> {
  if (fence && !leases.holds(...fence)) return "fenced";
  if (expect.some(([key, rev]) => values.rev(key) !== rev)) return "stale";
  values.put(puts);
  jobs.add(added);
  return "committed";
}

/** Checks a key or set name: printable, without white space. Returns it. */
export function checkKey(key: StoreKey): StoreKey {
  if (key === "" || INVALID_IN_KEY.test(key)) {
    throw new TypeError(`A store key must be printable and without white space, not ${JSON.stringify(key)}.`);
  }
  return key;
}

/** Checks a job id, lane, owner or bucket: not empty, no control characters. Returns it. */
export function checkName(label: string, name: string): string {
  if (name === "" || INVALID_IN_NAME.test(name)) {
    throw new TypeError(`A ${label} must not be empty or hold control characters, not ${JSON.stringify(name)}.`);
  }
  return name;
}

/** Rounds to whole milliseconds, upwards so that nothing happens too early. */
export function checkMs(label: string, ms: Ms): Ms {
  if (!Number.isFinite(ms)) throw new TypeError(`${label} must be a number of milliseconds, not ${ms}.`);
  return Math.ceil(ms);
}

export function checkConsumption({ bucket, window, ...rest }: Consumption): Consumption {
  return { ...rest, bucket: checkName("bucket", bucket), window: checkMs("window", window) };
}

/**
 * Parses the text of a job that an engine has stored. Text that is not JSON is returned as it is, so that one damaged
 * job does not keep its queue from being taken; no job handler accepts it.
 */
export function parseJobText(text: string): Json {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Creates the reads of a store. `assertOpen` throws when the store is closed. */
export function createValueReads(
  values: Pick<EngineValues, "get" | "scan" | "count">,
  clock: () => Ms,
  assertOpen: () => void,
): Pick<Store, "now" | "read" | "scan" | "count"> {
  return {
    async now() {
      assertOpen();
      return clock();
    },
    async read<T>(keys: StoreKey[]) {
      assertOpen();
      return keys.map((key) => values.get<T>(key));
    },
    async scan(set, after, limit = DEFAULT_PAGE_SIZE) {
      assertOpen();
      return values.scan(set, after, limit);
    },
    async count(set) {
      assertOpen();
      return values.count(set);
    },
  };
}

/**
 * Returns the number after `last`, for revisions, fencing tokens, job tokens and positions in a lane. It is at least
 * the time in milliseconds, so numbers are not used again after the store was lost.
 */
export function nextSequenceNumber(last: number, now: Ms): number {
  return Math.max(last + 1, now);
}
