import { DAY, type Ms } from "../time.ts";

/** How long the id of a done job and the last fence of a lease are remembered: 2 days. */
export const RETENTION: Ms = 2 * DAY;

/** How many members `scan`, and how many dead jobs `dead`, give when nothing else is asked. */
export const DEFAULT_PAGE_SIZE = 200;

/**
 * The number after `last`, for revisions, fences, lease tokens and places in a lane. It is at least the time,
 * so numbers do not come back when the store was lost and began again.
 */
export function nextSequenceNumber(last: number, now: Ms): number {
  return Math.max(last + 1, now);
}
