/**
 * The limits of rates: a bucket grants what fits into its window; a pause stops it when the other system says so, and
 * after a long pause a single probe is sent first. The upper half is the arithmetic of the engines, the lower how a
 * caller takes its turn.
 */

import { DAY, HOUR, MINUTE, type Ms, SECOND } from "../time.ts";
import type { Consumption, Store } from "./port.ts";

export interface ConsumedEntry {
  at: Ms;
  n: number;
}

/**
 * What follows the end of a bucket's pause. `none`: everything is granted again. `needed`: only one probe is granted.
 * `sent`: a probe was granted, and the pause lasts until its result is known or its lease has expired.
 */
type ProbeState = "none" | "needed" | "sent";

export interface PauseState {
  until: Ms;
  probe: ProbeState;
}

/** The systems whose rate limits are obeyed by pauses. Their buckets' names begin with the system's name. */
export type PausedSystem = "plane" | "telegram";

/** Whether a request may be sent now (`wait` is 0), and whether it is the probe of a pause. */
export interface Turn {
  wait: Ms;
  isProbe: boolean;
}

/** Interval between checks while a probe is needed or its result is not known: 1 s, so that its success counts soon. */
const PROBE_CHECK_MS: Ms = SECOND;

/** Retention of a pause whose probe was never sent: 1 day, after which nothing is known about the bucket. */
export const UNUSED_PROBE_RETENTION_MS: Ms = DAY;

/**
 * Limit of a pause, so that one excessive `Retry-After` cannot stop all requests: Plane limits requests per minute, so 15
 * minutes are many of its windows; Telegram requires up to an hour after a flood of messages.
 */
export const MAX_PAUSE_MS: Record<PausedSystem, Ms> = { plane: 15 * MINUTE, telegram: HOUR };

/**
 * Limit of a pause of normal operation: 2 minutes. A longer one is reported as a fault, and at its end one probe is sent
 * before everything else.
 */
export const LONG_PAUSE_MS: Ms = 2 * MINUTE;

/** Lease of a probe: 1 minute, longer than the timeouts of all calls. Then another probe is sent. */
const PROBE_LEASE_MS: Ms = MINUTE;

/**
 * Computes the milliseconds until `n` fit under `limit`, given the entries consumed after `now - window`, oldest first. 0:
 * they fit now. When `n` exceeds `limit`, the result is a whole window.
 */
export function computeWindowWait(
  consumed: readonly ConsumedEntry[],
  n: number,
  limit: number,
  window: Ms,
  now: Ms,
): Ms {
  if (n > limit) return window;
  let over = n + sumConsumed(consumed) - limit;
  if (over <= 0) return 0;
  for (const entry of consumed) {
    over -= entry.n;
    if (over <= 0) return entry.at + window - now;
  }
  return window;
}

/** Returns what was consumed in all. */
export function sumConsumed(consumed: readonly ConsumedEntry[]): number {
  return consumed.reduce((sum, { n }) => sum + n, 0);
}

/** Computes the milliseconds that a request which is no probe has to wait for the pause; 0: the pause is over. */
export function computePauseWait({ until, probe }: PauseState, now: Ms): Ms {
  const left = Math.max(0, until - now);
  if (probe === "none") return left;
  if (probe === "needed" && left > 0) return left;
  return left > 0 ? Math.min(left, PROBE_CHECK_MS) : PROBE_CHECK_MS;
}

/**
 * Adds a pause to an existing one. The later end counts, except that a probe's lease ends with the pause that answered it.
 * A needed probe stays needed until one has succeeded.
 */
export function mergePauses(current: PauseState | undefined, wait: Ms, needsProbe: boolean, now: Ms): PauseState {
  const until = now + wait;
  return {
    until: current && current.probe !== "sent" ? Math.max(current.until, until) : until,
    probe: needsProbe || (current && current.probe !== "none") ? "needed" : "none",
  };
}

/** Whether the pause has no effect any longer, so that it counts as deleted. */
export function isPauseForgotten({ until, probe }: PauseState, now: Ms): boolean {
  return until + (probe === "none" ? 0 : UNUSED_PROBE_RETENTION_MS) <= now;
}

/**
 * Reserves a request by `consume`, which returns 0 or how long to wait. When the bucket of `probe` has a pause that has
 * ended and needs a probe, this request is sent as the probe. A pause above the system's limit is shortened to it.
 */
export async function reserveTurn(
  store: Pick<Store, "takeProbe" | "limitPause">,
  system: PausedSystem,
  probe: Consumption,
  consume: () => Promise<Ms>,
): Promise<Turn> {
  const wait = await consume();
  if (wait === 0) return { wait, isProbe: false };
  if (await store.takeProbe(probe, PROBE_LEASE_MS)) return { wait: 0, isProbe: true };
  if (wait <= MAX_PAUSE_MS[system]) return { wait, isProbe: false };
  await store.limitPause(probe.bucket, MAX_PAUSE_MS[system]);
  return { wait: MAX_PAUSE_MS[system], isProbe: false };
}

/** Pauses a bucket for the time that the system requires, up to the system's limit. */
export async function pauseBucket(
  store: Pick<Store, "pause">,
  system: PausedSystem,
  bucket: string,
  wait: Ms,
): Promise<void> {
  const limitedWait = Math.min(wait, MAX_PAUSE_MS[system]);
  await store.pause(bucket, limitedWait, limitedWait > LONG_PAUSE_MS);
}
