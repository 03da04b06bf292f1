import { manifest as whole } from "../../functions/index.ts";
import type { TelegramLimits } from "../../functions/telegram/delivery/rate-limits.ts";
import { createOutboxHandler } from "../../functions/telegram/outbox-handler.ts";
import type { Manifest } from "../../shared/app/deps.ts";

export type OutboxOptions = NonNullable<Parameters<typeof createOutboxHandler>[0]>;

/** So that no limit of Plane or Telegram makes a test of something else take hours. */
export const UNLIMITED = 100_000;
export const NO_LIMITS: TelegramLimits = {
  perSecondInChat: UNLIMITED,
  perMinuteInGroup: UNLIMITED,
  perSecond: UNLIMITED,
};

/** The whole manifest, with an outbox that keeps to other limits, and jobs of the dead taken up again after `ttl`. */
export function createTestManifest(options: OutboxOptions, ttl?: number): Manifest {
  const workers = whole.jobHandlers.map((worker) =>
    worker.queue === "outbox" ? createOutboxHandler(options) : worker,
  );
  return { ...whole, jobHandlers: workers.map((worker) => ({ ...worker, leaseMs: ttl ?? worker.leaseMs })) };
}
