import { manifest as productManifest } from "../../functions/index.ts";
import type { TelegramLimits } from "../../functions/telegram/delivery/rate-limits.ts";
import { createOutboxHandler } from "../../functions/telegram/outbox-handler.ts";
import type { Manifest } from "../../shared/app/deps.ts";

export type OutboxOptions = NonNullable<Parameters<typeof createOutboxHandler>[0]>;

/** A limit so high that it does not slow down tests of other subjects. */
export const UNLIMITED = 100_000;
export const NO_LIMITS: TelegramLimits = {
  perSecondInChat: UNLIMITED,
  perMinuteInGroup: UNLIMITED,
  perSecond: UNLIMITED,
};

/** The whole manifest, with an outbox that keeps to other limits, and jobs of the dead taken up again after `ttl`. */
export function createTestManifest(options: OutboxOptions, ttl?: number): Manifest {
  const jobHandlers = productManifest.jobHandlers.map((jobHandler) =>
    jobHandler.queue === "outbox" ? createOutboxHandler(options) : jobHandler,
  );
  return {
    ...productManifest,
    jobHandlers: jobHandlers.map((jobHandler) => ({ ...jobHandler, leaseMs: ttl ?? jobHandler.leaseMs })),
  };
}
