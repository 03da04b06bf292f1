/**
 * The store as its users see it: values with revisions, leases with fences, queues of jobs, and buckets that limit
 * rates. A commit is atomic: it expects revisions, writes values and adds jobs. Also when an engine is nearly full.
 */

import type { Json } from "../omit-undefined.ts";
import type { Ms } from "../time.ts";

/**
 * The store's interface: everything that must be atomic goes through it.
 *
 * Two engines implement it (SQL and Redis), and one contract test suite checks them against these comments. Data that
 * can be read from Plane again belongs into the cache, not here.
 */

/** The key of a stored value, for example `item:525a36c6-…`. Printable, without white space. */
export type StoreKey = string;

/** The key of the record that each baseline writes first; stores before the format was recorded have it, too. */
export const WORKSPACE_KEY: StoreKey = "workspace";

/**
 * Assigned to a value by its commit, from one increasing sequence for the whole store: a value that was stored later
 * has a greater revision, whatever its key, and no revision is used again, not even after a delete. 0: nothing is
 * stored.
 */
export type Revision = number;

/** The name of a group of keys that can be listed and counted, for example `items:<project>`. */
export type SetName = string;

export interface StoredValue<T> {
  value: T;
  rev: Revision;
}

export interface StoredRow<T> extends StoredValue<T> {
  key: StoreKey;
}

export interface ScanPage<T> {
  rows: StoredRow<T>[];
  /** Argument `after` of the next `scan`; absent on the last page. */
  next?: string;
}

/** Stores `value` under `key`, or deletes the key when `value` is undefined. */
export interface Put {
  key: StoreKey;
  value: unknown;
  /** The sets that contain this key from now on; it is removed from all others. */
  sets?: SetName[];
  /** The key is deleted after this many milliseconds; absent: never. */
  expires?: Ms;
}

export interface Commit {
  /** Each key must still have this revision (0: it must not exist). */
  expect?: [StoreKey, Revision][];
  /** The lease of this key must still have this fencing token and must not have expired. */
  fence?: [StoreKey, number];
  put?: Put[];
  /** Added unless a job with the same id exists or is remembered. */
  jobs?: Job[];
}

export interface StoreStats {
  queues: Record<Queue, QueueStats>;
}

/**
 * Every call settles within 5 s and rejects when the engine does not respond. Plane repeats a webhook after 30 s
 * without a response, so callers need no time limits of their own.
 */
export interface Store extends JobOperations, BucketOperations {
  /** The store's clock. Leases and due times use it, never the caller's own. */
  now(): Promise<Ms>;
  /** Returns one entry per key, in order; undefined where nothing is stored. */
  read<T>(keys: StoreKey[]): Promise<(StoredValue<T> | undefined)[]>;
  /** Returns the members of a set in key order, at most `limit` (default 200) per page. */
  scan<T>(set: SetName, after?: string, limit?: number): Promise<ScanPage<T>>;
  /** Returns the number of keys in the set. */
  count(set: SetName): Promise<number>;
  /**
   * Writes everything or nothing. `stale`: an expected revision differs; `fenced`: the lease is lost.
   * Resolves only when the commit is durable; when it rejects, the commit may or may not have been written.
   */
  commit(commit: Commit): Promise<"committed" | "stale" | "fenced">;
  /**
   * Takes or renews a lease. A new owner gets a fencing token greater than every earlier one of this key, also after
   * the store was lost (it is max(previous + 1, milliseconds)); a renewal keeps its token.
   */
  lease(key: StoreKey, owner: string, ttl: Ms): Promise<{ fence: number; until: Ms } | { heldBy: string; until: Ms }>;
  /** Releases a lease; true when this token held it. */
  release(key: StoreKey, fence: number): Promise<boolean>;
  stats(): Promise<StoreStats>;
  /**
   * Deletes the last keys of a set beyond its first `keep` keys, at most `max` of them, and returns the number of
   * deleted keys. 0: the set has at most `keep` keys.
   */
  trim(set: SetName, keep: number, max: number): Promise<number>;
  /**
   * Gives space of deleted data back to the file system, one short step per call. True: another call gives back more.
   * Always false where the engine does that itself.
   */
  reclaimSpace(): Promise<boolean>;
  readCapacity(): Promise<StoreCapacity>;
  /**
   * Writes a copy of the embedded file beside it, complete and consistent also while others write, and returns its name
   * in the store's folder. The caller removes it. Absent where an engine has no file.
   */
  saveCopy?(): Promise<string>;
  /**
   * Checks all data for damage, in steps between which other calls are handled, and returns what is wrong; undefined
   * when it is sound. Absent where an engine cannot.
   */
  findDamage?(): Promise<string | undefined>;
  close(): Promise<void>;
}

/** Space of the store's engine in bytes; absent where the engine has no such limit or does not report it. */
export interface StoreCapacity {
  /** Memory that counts towards Redis' `maxmemory`, and that limit. */
  memory?: { used: number; limit: number };
  /** The file system of the embedded file: space that this process can still use, and its whole size. */
  disk?: { free: number; size: number };
}

/** A store that is nearly full: the used share of Redis' memory limit, or the file system's free bytes. */
export type CapacityWarning = { kind: "memory"; percent: number } | { kind: "disk"; free: number };

export const QUEUES = ["inbox", "observe", "outbox", "forward", "work", "wake", "updates", "people", "posts"] as const;

export type Queue = (typeof QUEUES)[number];

export interface Job {
  /** Unique in its queue, also after the job is done (for the engine's `remember` time, default 2 days). */
  id: string;
  queue: Queue;
  /** Jobs of one lane are taken one at a time, in the order they were added; a waiting job delays its lane. */
  lane: string;
  /** Store time before which the job is not taken; absent: it is due at once. */
  at?: Ms;
  body: Json;
}

export interface LeasedJob {
  id: string;
  queue: Queue;
  lane: string;
  body: Json;
  /** Number of times the job has been taken, including this one. */
  tries: number;
  /** Number of times it was acknowledged as `failed`. */
  failures: number;
  /** Store time when the lease expires. */
  until: Ms;
  /** Identifies this lease; every take has a different token. */
  token: string;
}

/**
 * `done` deletes the body and remembers the id; `retryAt` keeps the job's place in its lane, because it waits for
 * something or has `failed`; `dead` moves it to the dead letters with the reason.
 */
export type JobResult = { done: true } | { retryAt: Ms; failed?: boolean } | { dead: string };

export interface DeadJob {
  id: string;
  queue: Queue;
  lane: string;
  body: Json;
  reason: string;
  at: Ms;
}

interface QueueStats {
  /** Number of waiting and taken jobs. */
  pending: number;
  dead: number;
  /** Store time since which the longest-waiting due job has been due; absent when no job is due. */
  oldest?: Ms;
}

/** The store's operations on the jobs of its queues; a commit adds jobs. */
interface JobOperations {
  /** Leases up to `max` due jobs for `ttl` milliseconds, at most one per lane, the longest due first. */
  take(queue: Queue, ttl: Ms, max: number): Promise<LeasedJob[]>;
  /** Ends a job's lease. False when the lease was lost in the meantime; then nothing is changed. */
  acknowledge(job: LeasedJob, jobResult: JobResult): Promise<boolean>;
  /**
   * Makes waiting jobs that were taken before and are due later than `latest` due at that time: only first jobs of
   * their lanes, because the others wait for these. Returns the number of changed jobs.
   */
  advanceRetries(queue: Queue, latest: Ms): Promise<number>;
  /** Returns the dead letters of a queue, oldest first; `limit` defaults to 200. */
  listDeadJobs(queue: Queue, limit?: number): Promise<DeadJob[]>;
  /** Puts a dead job back at the end of its lane. False when there is no such dead job. */
  replay(queue: Queue, id: string): Promise<boolean>;
  /** Deletes a dead job and remembers its id as done. False when there is no such dead job. */
  discard(queue: Queue, id: string): Promise<boolean>;
}

/** A request to consume `n` from a bucket of which at most `limit` may be consumed in any `window` milliseconds. */
export interface Consumption {
  bucket: string;
  n: number;
  limit: number;
  window: Ms;
}

/** A pause of a bucket that has not ended, or at whose end no probe has succeeded yet. */
export interface BucketPause {
  bucket: string;
  /** Store time of its end, or of the end of its probe's lease. */
  until: Ms;
  /** Whether only one request, the probe, is granted at its end, until that request has succeeded. */
  needsProbe: boolean;
}

/** The store's operations on buckets, which limit how often something is done. */
interface BucketOperations {
  /**
   * Consumes from a sliding window. Returns 0 when `n` fit under `limit` in the last `window` milliseconds; else
   * consumes nothing and returns the milliseconds to wait before trying again.
   */
  consume(bucket: string, n: number, limit: number, window: Ms): Promise<Ms>;
  /** Spends from several buckets at once: 0 when all fit, else the longest wait, and nothing is consumed. */
  consumeAll(consumptions: Consumption[]): Promise<Ms>;
  /**
   * Blocks a bucket for `wait` milliseconds (a `Retry-After`). Of two pauses, the later end counts. With `needsProbe`,
   * `consume` grants nothing after the end either, until `takeProbe` has granted one request and `endProbe` reports its
   * success; a pause in between, the answer to the probe, blocks the bucket again.
   */
  pause(bucket: string, wait: Ms, needsProbe?: boolean): Promise<void>;
  /** Ends a pause longer than `max` milliseconds at that time, and makes it need a probe. False: there is none. */
  limitPause(bucket: string, max: Ms): Promise<boolean>;
  /**
   * Grants the probe of a pause that has ended, and consumes it whatever the limit; other requests then wait until
   * `endProbe`, the next pause, or for `lease` milliseconds, after which another probe can be taken. False: the bucket
   * has no pause that needs a probe, the pause has not ended, or another probe is under way.
   */
  takeProbe(consumption: Consumption, lease: Ms): Promise<boolean>;
  /** Ends a pause because its probe has succeeded. Without a probe under way, nothing is changed. */
  endProbe(bucket: string): Promise<void>;
  /** Returns what was consumed from a bucket in the last `window` milliseconds, and changes nothing. */
  countConsumed(bucket: string, window: Ms): Promise<number>;
  /** Returns all pauses, in the order of their buckets' names. */
  listPauses(): Promise<BucketPause[]>;
}

/** Creates a record with one value for each queue. */
export function mapQueues<T>(toValue: (queue: Queue) => T): Record<Queue, T> {
  return Object.fromEntries(QUEUES.map((queue) => [queue, toValue(queue)])) as Record<Queue, T>;
}

/** Limit of the used share of Redis' memory: 90 %; when it is full, Redis rejects every write. */
const MAX_MEMORY_SHARE = 0.9;

/** Minimum of free disk space in bytes: 1 GiB, or on small file systems a tenth of their size. */
const MIN_FREE_BYTES = 1024 ** 3;

const MIN_FREE_SHARE = 0.1;

/** Finds what will soon be full. Such a store still works, so a warning changes no status. */
export function findCapacityWarnings({ memory, disk }: StoreCapacity): CapacityWarning[] {
  const warnings: CapacityWarning[] = [];
  if (memory && memory.used > memory.limit * MAX_MEMORY_SHARE)
    warnings.push({ kind: "memory", percent: Math.floor((memory.used / memory.limit) * 100) });
  if (disk && disk.free < Math.min(MIN_FREE_BYTES, disk.size * MIN_FREE_SHARE))
    warnings.push({ kind: "disk", free: disk.free });
  return warnings;
}

/** Describes a warning in English, for operators; the page has texts of its own. */
export function describeCapacityWarning(warning: CapacityWarning): string {
  switch (warning.kind) {
    case "memory":
      return `Redis uses ${warning.percent} % of its memory limit (maxmemory) and rejects every write at 100 %`;
    case "disk":
      return `the disk of the store has only ${formatMebibytes(warning.free)} free`;
  }
}

/** Formats a number of bytes for people, for example `12 MiB`. */
export function formatMebibytes(bytes: number): string {
  return `${Math.floor(bytes / 1024 ** 2)} MiB`;
}

/** https://redis.io/docs/latest/commands/info/: lines of `name:value` under headings. */
export function parseRedisInfo(text: string): Record<string, string> {
  const pairs = text.split("\r\n").flatMap((line) => {
    const at = line.indexOf(":");
    return at > 0 && !line.startsWith("#") ? [[line.slice(0, at), line.slice(at + 1)] as const] : [];
  });
  return Object.fromEntries(pairs);
}

/**
 * Returns the memory that Redis compares with `maxmemory`, which does not include its replication and append-only
 * buffers; undefined without a limit.
 */
export function toRedisMemory(info: Record<string, string>): StoreCapacity["memory"] {
  const limit = Number(info["maxmemory"] ?? 0);
  const used = Number(info["used_memory"]) - Number(info["mem_not_counted_for_evict"] ?? 0);
  return limit > 0 && Number.isFinite(used) ? { used, limit } : undefined;
}
