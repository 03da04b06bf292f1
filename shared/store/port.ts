import type { Ms } from "../time.ts";

/**
 * The store's port: the one narrow door for everything that must be atomic.
 *
 * Three engines stand behind it (memory, SQL, Redis) and one contract suite holds them
 * to these sentences. What can be read again from Plane does not belong here; it is cached.
 */

/** A kept value's address, for example `item:525a36c6-…`. Printable, without blanks. */
export type StoreKey = string;

/**
 * Given to a key by each commit, from one sequence for the whole store that only grows: a value kept after
 * another has the greater one, whatever their keys, and none comes back, not even after a delete. 0 = nothing is kept.
 */
export type Revision = number;

/** A named group of keys that can be listed and counted, for example `items:<project>`. */
export type SetName = string;

export type Queue = "inbox" | "observe" | "outbox" | "forward" | "work" | "wake" | "updates";

/** Plain JSON: what every engine gives back exactly as it was put in. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json | undefined };

export interface StoredValue<T> {
  value: T;
  rev: Revision;
}

export interface StoredRow<T> extends StoredValue<T> {
  key: StoreKey;
}

export interface ScanPage<T> {
  rows: StoredRow<T>[];
  /** Hand this to the next `scan`; absent on the last page. */
  next?: string;
}

/** Keeps `value` under `key`, or forgets the key when `value` is undefined. */
export interface Put {
  key: StoreKey;
  value: unknown;
  /** The sets this key is in from now on; it leaves all others. */
  sets?: SetName[];
  /** Forget the key so many milliseconds from now. Absent: keep it. */
  expires?: Ms;
}

export interface Job {
  /** Unique in its queue, also after the job is done (for `remember` of the engine, default 2 days). */
  id: string;
  queue: Queue;
  /** Jobs of one lane are taken one at a time, in the order they were put in; a job that waits makes its lane wait. */
  lane: string;
  /** Not before this store time; absent = at once. */
  at?: Ms;
  body: Json;
}

export interface LeasedJob {
  id: string;
  queue: Queue;
  lane: string;
  body: Json;
  /** How often this job has been taken, this time included (1 = the first time). */
  tries: number;
  /** How often it has been put back as `failed`. */
  failures: number;
  /** When the lease runs out, store time. */
  until: Ms;
  /** Proof of this lease; another taker's differs. */
  token: string;
}

/** What is asked of one bucket. */
export interface BucketSpend {
  bucket: string;
  n: number;
  limit: number;
  window: Ms;
}

export interface Commit {
  /** Each key must still have this revision (0 = must not be kept). */
  expect?: [StoreKey, Revision][];
  /** The lease under this key must still carry this fencing token and not have run out. */
  fence?: [StoreKey, number];
  put?: Put[];
  /** Added unless their id was seen before. */
  jobs?: Job[];
}

/**
 * `done` forgets the body and remembers the id; `retryAt` keeps the place in the lane, because the job waits for
 * something or has `failed`; `dead` sets it aside with its reason.
 */
export type Settlement = { done: true } | { retryAt: Ms; failed?: boolean } | { dead: string };

export interface DeadJob {
  id: string;
  queue: Queue;
  lane: string;
  body: Json;
  reason: string;
  at: Ms;
}

export interface QueueStats {
  /** Waiting or taken. */
  pending: number;
  dead: number;
  /** Store time since which the longest-waiting due job has been due; absent when none is. */
  oldest?: Ms;
}

export interface StoreStats {
  queues: Record<Queue, QueueStats>;
}

export const QUEUES = [
  "inbox",
  "observe",
  "outbox",
  "forward",
  "work",
  "wake",
  "updates",
] as const satisfies readonly Queue[];

/** Something for each queue. */
export function mapQueues<T>(toValue: (queue: Queue) => T): Record<Queue, T> {
  return {
    inbox: toValue("inbox"),
    observe: toValue("observe"),
    outbox: toValue("outbox"),
    forward: toValue("forward"),
    work: toValue("work"),
    wake: toValue("wake"),
    updates: toValue("updates"),
  };
}

/**
 * Every call settles within 5 s: one that cannot be answered rejects. (Plane repeats a webhook after 30 s without an
 * answer, so whoever waits for a store needs no time limit of its own.)
 */
export interface Store {
  /** The store's clock. Leases and due times use it, never the caller's own. */
  now(): Promise<Ms>;
  /** One entry per key, in order; undefined where nothing is kept. */
  read<T>(keys: StoreKey[]): Promise<(StoredValue<T> | undefined)[]>;
  /** The members of a set in key order, at most `limit` (default 200) a page. */
  scan<T>(set: SetName, after?: string, limit?: number): Promise<ScanPage<T>>;
  /** How many keys the set has. */
  count(set: SetName): Promise<number>;
  /**
   * All of it or nothing. `stale`: an expected revision has moved; `fenced`: the lease is lost.
   * Resolves only when it is durable; rejects when it may not be.
   */
  commit(commit: Commit): Promise<"kept" | "stale" | "fenced">;
  /**
   * Takes or renews a lease. A new owner gets a fencing token greater than every earlier one of this key
   * (max(previous + 1, milliseconds), so also after the store was lost); a renewal keeps its own.
   */
  lease(key: StoreKey, owner: string, ttl: Ms): Promise<{ fence: number; until: Ms } | { heldBy: string; until: Ms }>;
  /** True when this token held the lease. */
  release(key: StoreKey, fence: number): Promise<boolean>;
  /** Leases up to `max` due jobs for `ttl`, at most one per lane, longest due first. */
  take(queue: Queue, ttl: Ms, max: number): Promise<LeasedJob[]>;
  /** False when the lease was lost in the meantime; then nothing is changed. */
  settle(job: LeasedJob, how: Settlement): Promise<boolean>;
  /** The jobs set aside, oldest first. */
  listDeadJobs(queue: Queue, limit?: number): Promise<DeadJob[]>;
  /** Puts a dead job back at the end of its lane. False when it is not (or no longer) dead. */
  replay(queue: Queue, id: string): Promise<boolean>;
  /**
   * Sliding window: 0 when `n` fit under `limit` in the last `window` and are now spent,
   * else how long to wait before asking again (nothing is spent).
   */
  spend(bucket: string, n: number, limit: number, window: Ms): Promise<Ms>;
  /** As `spend`, from several buckets at once: 0 when each had room, else the longest wait (then none is spent from). */
  spendAll(spends: BucketSpend[]): Promise<Ms>;
  /** Nothing is spent from this bucket before so many milliseconds from now (a `Retry-After`). The later of two wins. */
  hold(bucket: string, wait: Ms): Promise<void>;
  stats(): Promise<StoreStats>;
  close(): Promise<void>;
}
