import { DAY, HOUR, MINUTE, type Ms, SECOND } from "../time.ts";

/** Delays between attempts, as the Standard Webhooks specification suggests; after the last one the job is a dead letter. */
export const RETRY_DELAYS_MS: readonly Ms[] = [
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  DAY,
];
