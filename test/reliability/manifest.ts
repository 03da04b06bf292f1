import { manifest as whole } from "../../functions/index.ts";
import type { Limits } from "../../functions/telegram/limits.ts";
import { outbox } from "../../functions/telegram/outbox.ts";
import type { Manifest } from "../../shared/deps.ts";

export type OutboxOptions = NonNullable<Parameters<typeof outbox>[0]>;

/** So that no limit of Plane or Telegram makes a test of something else take hours. */
export const PLENTY = 100_000;
export const NO_LIMITS: Limits = { perSecondInChat: PLENTY, perMinuteInGroup: PLENTY, perSecond: PLENTY };

/** The whole manifest, with an outbox that keeps to other limits, and jobs of the dead taken up again after `ttl`. */
export function manifestWith(options: OutboxOptions, ttl?: number): Manifest {
  const workers = whole.workers.map((worker) => (worker.queue === "outbox" ? outbox(options) : worker));
  return { ...whole, workers: workers.map((worker) => ({ ...worker, ttl: ttl ?? worker.ttl })) };
}
