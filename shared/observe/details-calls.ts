import { shiftPlaneTime, toPlaneTime } from "../plane/time.ts";
import { MINUTE, type Ms, SECOND } from "../time.ts";

/**
 * Limit of the time that a further call of one read may wait for quota: 60 s, about the window of the quota. Without
 * it, a refusal would repeat the calls before.
 */
export const CONTINUED_READ_WAIT_MS: Ms = MINUTE;

/** Difference between the clocks of Plane's processes, and the part of a second that a `Date` header omits: 5 s. */
const PLANE_CLOCK_MARGIN_MS: Ms = 5 * SECOND;

/**
 * Returns Plane's time before which a call saw every change. `date` is the answer's time and `duration` that of the
 * call. Plane moves an item's `updated_at` after it has stored a comment or relation, so an `updated_at` before this
 * time belongs to a change that the call has seen.
 */
export function toReadTime(date: string, duration: Ms): string {
  return shiftPlaneTime(toPlaneTime(date), -duration - PLANE_CLOCK_MARGIN_MS);
}
