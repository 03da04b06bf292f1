import type { Ms } from "../time.ts";

/** A request to spend `n` from a bucket of which at most `limit` may be spent in any `window` milliseconds. */
export interface BucketSpend {
  bucket: string;
  n: number;
  limit: number;
  window: Ms;
}

/** A hold of a bucket that has not ended, or at whose end no probe has succeeded yet. */
export interface BucketHold {
  bucket: string;
  /** Store time of its end, or of the end of its probe's lease. */
  until: Ms;
  /** Whether only one request, the probe, is granted at its end, until that request has succeeded. */
  needsProbe: boolean;
}

/** The store's operations on buckets, which limit how often something is done. */
export interface BucketOperations {
  /**
   * Spends from a sliding window. Returns 0 when `n` fit under `limit` in the last `window` milliseconds; else spends
   * nothing and returns the milliseconds to wait before trying again.
   */
  spend(bucket: string, n: number, limit: number, window: Ms): Promise<Ms>;
  /** Spends from several buckets at once: 0 when all spends fit, else the longest wait, and nothing is spent. */
  spendAll(spends: BucketSpend[]): Promise<Ms>;
  /**
   * Blocks a bucket for `wait` milliseconds (a `Retry-After`). Of two holds, the later end counts. With `needsProbe`,
   * `spend` grants nothing after the end either, until `takeProbe` has granted one request and `endProbe` reports its
   * success; a hold in between, the answer to the probe, blocks the bucket again.
   */
  hold(bucket: string, wait: Ms, needsProbe?: boolean): Promise<void>;
  /** Ends a hold that ends later than in `max` milliseconds at that time, and makes it need a probe. False: there is none. */
  limitHold(bucket: string, max: Ms): Promise<boolean>;
  /**
   * Grants the probe of a hold that has ended, and spends it whatever the limit; other requests then wait until
   * `endProbe`, the next hold, or for `lease` milliseconds, after which another probe can be taken. False: the bucket
   * has no hold that needs a probe, the hold has not ended, or another probe is under way.
   */
  takeProbe(spend: BucketSpend, lease: Ms): Promise<boolean>;
  /** Ends a hold because its probe has succeeded. Without a probe under way, nothing is changed. */
  endProbe(bucket: string): Promise<void>;
  /** Returns what was spent from a bucket in the last `window` milliseconds, and changes nothing. */
  countSpent(bucket: string, window: Ms): Promise<number>;
  /** Returns all holds, in the order of their buckets' names. */
  listHolds(): Promise<BucketHold[]>;
}
