/**
 * What all engines of the store share: the checks of what they are given, the sequence that numbers revisions and
 * fences, and how long ids are remembered.
 */

import { type Json, omitUndefined } from "../omit-undefined.ts";
import { DAY, type Ms } from "../time.ts";
import type {
  Commit,
  Consumption,
  DeadJob,
  JobResult,
  Queue,
  Revision,
  ScanPage,
  SetName,
  Store,
  StoreKey,
} from "./port.ts";

/** A commit with checked names and serialized values, so that invalid input cannot make an engine fail half-way. */
export type CheckedCommit = ReturnType<typeof checkCommit>;

export type CheckedPut = CheckedCommit["puts"][number];

export type CheckedJob = CheckedCommit["jobs"][number];

/** What an engine implements: a store whose arguments are checked and complete. */
interface Engine extends Omit<Store, "commit" | "scan" | "listDeadJobs" | "consume" | "pause"> {
  commit(commit: CheckedCommit): ReturnType<Store["commit"]>;
  scan<T>(set: SetName, after: string | undefined, limit: number): Promise<ScanPage<T>>;
  listDeadJobs(queue: Queue, limit: number): Promise<DeadJob[]>;
  pause(bucket: string, wait: Ms, needsProbe: boolean): Promise<void>;
}

const INVALID_IN_KEY = /[\s\p{Cc}\p{Cs}]/u;

const INVALID_IN_NAME = /[\p{Cc}\p{Cs}]/u;

/** Retention of the ids of done jobs and of the last fencing token of a lease: 2 days. */
export const RETENTION: Ms = 2 * DAY;

/** Default limit of `scan` and `listDeadJobs`: 200. */
const DEFAULT_PAGE_SIZE = 200;

/** Creates the store on an engine: it refuses the same arguments on every engine, and every call once closed. */
export function createStore(engine: Engine): Store {
  let isClosed = false;
  const open = (): Engine => {
    if (isClosed) throw new Error("The store is closed.");
    return engine;
  };
  return {
    now: async () => open().now(),
    read: async (keys) => open().read(keys),
    scan: async (set, after, limit = DEFAULT_PAGE_SIZE) => open().scan(set, after, limit),
    count: async (set) => open().count(set),
    commit: async (commit) => open().commit(checkCommit(commit)),
    lease: async (key, owner, ttl) => open().lease(checkKey(key), checkName("lease owner", owner), checkMs("ttl", ttl)),
    release: async (key, fence) => open().release(key, fence),
    take: async (queue, ttl, max) => open().take(queue, checkMs("ttl", ttl), max),
    acknowledge: async (job, result) => open().acknowledge(job, checkJobResult(result)),
    advanceRetries: async (queue, latest) => open().advanceRetries(queue, checkMs("latest", latest)),
    listDeadJobs: async (queue, limit = DEFAULT_PAGE_SIZE) => open().listDeadJobs(queue, limit),
    replay: async (queue, id) => open().replay(queue, id),
    discard: async (queue, id) => open().discard(queue, id),
    consume: async (bucket, n, limit, window) => open().consumeAll([checkConsumption({ bucket, n, limit, window })]),
    consumeAll: async (consumptions) => open().consumeAll(consumptions.map(checkConsumption)),
    pause: async (bucket, wait, needsProbe = false) =>
      open().pause(checkName("bucket", bucket), checkMs("wait", wait), needsProbe),
    limitPause: async (bucket, max) => open().limitPause(checkName("bucket", bucket), checkMs("max", max)),
    takeProbe: async (consumption, lease) => open().takeProbe(checkConsumption(consumption), checkMs("lease", lease)),
    endProbe: async (bucket) => open().endProbe(checkName("bucket", bucket)),
    countConsumed: async (bucket, window) =>
      open().countConsumed(checkName("bucket", bucket), checkMs("window", window)),
    listPauses: async () => open().listPauses(),
    stats: async () => open().stats(),
    trim: async (set, keep, max) => open().trim(set, keep, max),
    reclaimSpace: async () => open().reclaimSpace(),
    readCapacity: async () => open().readCapacity(),
    ...omitUndefined({ saveCopy: engine.saveCopy, findDamage: engine.findDamage }),
    async close() {
      if (isClosed) return;
      isClosed = true;
      await engine.close();
    },
  };
}

/** Checks a commit; throws a TypeError that names the invalid part. */
export function checkCommit(commit: Commit) {
  const fence: Commit["fence"] = commit.fence && [checkKey(commit.fence[0]), commit.fence[1]];
  return {
    expect: (commit.expect ?? []).map(([key, rev]): [StoreKey, Revision] => [checkKey(key), rev]),
    fence,
    puts: (commit.put ?? []).map((put) => ({
      key: checkKey(put.key),
      /** The value as JSON text; absent: delete the key. */
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

/** Checks a key or set name: printable, without white space. Returns it. */
function checkKey(key: StoreKey): StoreKey {
  if (key === "" || INVALID_IN_KEY.test(key)) {
    throw new TypeError(`A store key must be printable and without white space, not ${JSON.stringify(key)}.`);
  }
  return key;
}

/** Checks a job id, lane, owner or bucket: not empty, no control characters. Returns it. */
function checkName(label: string, name: string): string {
  if (name === "" || INVALID_IN_NAME.test(name)) {
    throw new TypeError(`A ${label} must not be empty or hold control characters, not ${JSON.stringify(name)}.`);
  }
  return name;
}

/** Rounds to whole milliseconds, upwards so that nothing happens too early. */
function checkMs(label: string, ms: Ms): Ms {
  if (!Number.isFinite(ms)) throw new TypeError(`${label} must be a number of milliseconds, not ${ms}.`);
  return Math.ceil(ms);
}

function checkJobResult(result: JobResult): JobResult {
  return "retryAt" in result ? { ...result, retryAt: checkMs("retryAt", result.retryAt) } : result;
}

function checkConsumption({ bucket, window, ...rest }: Consumption): Consumption {
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

/**
 * Returns the number after `last`, for revisions, fencing tokens, job tokens and positions in a lane. It is at least
 * the time in milliseconds, so numbers are not used again after the store was lost.
 */
export function nextSequenceNumber(last: number, now: Ms): number {
  return Math.max(last + 1, now);
}
