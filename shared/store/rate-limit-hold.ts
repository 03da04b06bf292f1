import { HOUR, MINUTE, type Ms } from "../time.ts";
import type { BucketSpend } from "./bucket-operations.ts";
import type { Store } from "./port.ts";

/** The systems whose rate limits are obeyed by holds. Their buckets' names begin with the system's name. */
export type HeldSystem = "plane" | "telegram";

/**
 * Limit of a hold, so that one excessive `Retry-After` cannot stop all requests: Plane limits requests per minute, so 15
 * minutes are many of its windows; Telegram requires up to an hour after a flood of messages.
 */
export const MAX_HOLD_MS: Record<HeldSystem, Ms> = { plane: 15 * MINUTE, telegram: HOUR };

/**
 * Limit of a hold of normal operation: 2 minutes. A longer one is reported as a fault, and at its end one probe is sent
 * before everything else.
 */
export const LONG_HOLD_MS: Ms = 2 * MINUTE;

/** Lease of a probe: 1 minute, longer than the timeouts of all calls. Then another probe is sent. */
const PROBE_LEASE_MS: Ms = MINUTE;

/** Whether a request may be sent now (`wait` is 0), and whether it is the probe of a hold. */
export interface Turn {
  wait: Ms;
  isProbe: boolean;
}

/**
 * Reserves a request by `spend`, which returns 0 or how long to wait. When the bucket of `probe` has a hold that has
 * ended and needs a probe, this request is sent as the probe. A hold above the system's limit is shortened to it.
 */
export async function reserveTurn(
  store: Pick<Store, "takeProbe" | "limitHold">,
  system: HeldSystem,
  probe: BucketSpend,
  spend: () => Promise<Ms>,
): Promise<Turn> {
  const wait = await spend();
  if (wait === 0) return { wait, isProbe: false };
  if (await store.takeProbe(probe, PROBE_LEASE_MS)) return { wait: 0, isProbe: true };
  if (wait <= MAX_HOLD_MS[system]) return { wait, isProbe: false };
  await store.limitHold(probe.bucket, MAX_HOLD_MS[system]);
  return { wait: MAX_HOLD_MS[system], isProbe: false };
}

/** Holds a bucket for the time that the system requires, up to the system's limit. */
export async function holdBucket(
  store: Pick<Store, "hold">,
  system: HeldSystem,
  bucket: string,
  wait: Ms,
): Promise<void> {
  const limitedWait = Math.min(wait, MAX_HOLD_MS[system]);
  await store.hold(bucket, limitedWait, limitedWait > LONG_HOLD_MS);
}
