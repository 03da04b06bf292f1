import { DAY, type Ms } from "../time.ts";

/** Retention of the ids of done jobs and of the last fencing token of a lease: 2 days. */
export const RETENTION: Ms = 2 * DAY;

/** Default limit of `scan` and `listDeadJobs`: 200. */
export const DEFAULT_PAGE_SIZE = 200;

/**
 * Returns the number after `last`, for revisions, fencing tokens, job tokens and positions in a lane. It is at least
 * the time in milliseconds, so numbers are not used again after the store was lost.
 */
export function nextSequenceNumber(last: number, now: Ms): number {
  return Math.max(last + 1, now);
}
