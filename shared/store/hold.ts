import { DAY, type Ms, SECOND } from "../time.ts";

/**
 * What follows the end of a bucket's hold. `none`: everything is granted again. `needed`: only one probe is granted.
 * `sent`: a probe was granted, and the hold lasts until its result is known or its lease has expired.
 */
export type ProbeState = "none" | "needed" | "sent";

export interface HoldState {
  until: Ms;
  probe: ProbeState;
}

/** Interval between checks while a probe is needed or its result is not known: 1 s, so that its success counts soon. */
const PROBE_CHECK_MS: Ms = SECOND;

/** Retention of a hold whose probe was never sent: 1 day, after which nothing is known about the bucket. */
export const UNUSED_PROBE_RETENTION_MS: Ms = DAY;

/** Computes the milliseconds that a request which is no probe has to wait for the hold; 0: the hold is over. */
export function computeHoldWait({ until, probe }: HoldState, now: Ms): Ms {
  const left = Math.max(0, until - now);
  if (probe === "none") return left;
  if (probe === "needed" && left > 0) return left;
  return left > 0 ? Math.min(left, PROBE_CHECK_MS) : PROBE_CHECK_MS;
}

/**
 * Adds a hold to an existing one. The later end counts, except that a probe's lease ends with the hold that answered it.
 * A needed probe stays needed until one has succeeded.
 */
export function mergeHolds(current: HoldState | undefined, wait: Ms, needsProbe: boolean, now: Ms): HoldState {
  const until = now + wait;
  return {
    until: current && current.probe !== "sent" ? Math.max(current.until, until) : until,
    probe: needsProbe || (current && current.probe !== "none") ? "needed" : "none",
  };
}

/** Whether the hold has no effect any longer, so that it counts as deleted. */
export function isHoldForgotten({ until, probe }: HoldState, now: Ms): boolean {
  return until + (probe === "none" ? 0 : UNUSED_PROBE_RETENTION_MS) <= now;
}
