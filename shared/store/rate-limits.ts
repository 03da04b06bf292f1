/**
 * How a caller takes its turn within a rate limit: a bucket grants what fits into its window; a pause stops it when the
 * other system says so, and after a long pause a single probe is sent first.
 */

import { HOUR, MINUTE, type Ms } from "../time.ts";
import type { Consumption, Store } from "./port.ts";

/** The systems whose rate limits are obeyed by pauses. Their buckets' names begin with the system's name. */
export type PausedSystem = "plane" | "telegram";

/** Whether a request may be sent now (`wait` is 0), and whether it is the probe of a pause. */
export interface Turn {
  wait: Ms;
  isProbe: boolean;
}

/**
 * Limit of a pause, so that one excessive `Retry-After` cannot stop all requests: Plane limits requests per minute, so
 * 15 minutes are many of its windows; Telegram requires up to an hour after a flood of messages.
 */
export const MAX_PAUSE_MS: Record<PausedSystem, Ms> = { plane: 15 * MINUTE, telegram: HOUR };

/**
 * Limit of a pause of normal operation: 2 minutes. A longer one is reported as a fault, and at its end one probe is
 * sent before everything else.
 */
export const LONG_PAUSE_MS: Ms = 2 * MINUTE;

/** Lease of a probe: 1 minute, longer than the timeouts of all calls. Then another probe is sent. */
const PROBE_LEASE_MS: Ms = MINUTE;

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
