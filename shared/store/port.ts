import type { Ms } from "../time.ts";
import type { BucketOperations } from "./bucket-operations.ts";
import type { StoreCapacity } from "./capacity.ts";
import type { Job, JobOperations, Queue, QueueStats } from "./job-operations.ts";

/**
 * The store's interface: everything that must be atomic goes through it.
 *
 * Three engines implement it (memory, SQL, Redis), and one contract test suite checks them against these comments. Data
 * that can be read from Plane again belongs into the cache, not here.
 */

/** The key of a stored value, for example `item:525a36c6-…`. Printable, without white space. */
export type StoreKey = string;

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
  commit(commit: Commit): Promise<"kept" | "stale" | "fenced">;
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
  close(): Promise<void>;
}
