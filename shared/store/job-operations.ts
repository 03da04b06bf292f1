import type { Json } from "../json.ts";
import type { Ms } from "../time.ts";

export type Queue = "inbox" | "observe" | "outbox" | "forward" | "work" | "wake" | "updates";

export const QUEUES = [
  "inbox",
  "observe",
  "outbox",
  "forward",
  "work",
  "wake",
  "updates",
] as const satisfies readonly Queue[];

/** Creates a record with one value for each queue. */
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
  /** Number of times it was settled as `failed`. */
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
  /** Number of waiting and taken jobs. */
  pending: number;
  dead: number;
  /** Store time since which the longest-waiting due job has been due; absent when no job is due. */
  oldest?: Ms;
}

/** The store's operations on the jobs of its queues; a commit adds jobs. */
export interface JobOperations {
  /** Leases up to `max` due jobs for `ttl` milliseconds, at most one per lane, the longest due first. */
  take(queue: Queue, ttl: Ms, max: number): Promise<LeasedJob[]>;
  /** Ends a job's lease. False when the lease was lost in the meantime; then nothing is changed. */
  settle(job: LeasedJob, settlement: Settlement): Promise<boolean>;
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
