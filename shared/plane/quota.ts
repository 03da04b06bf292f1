import type { Store } from "../store/port.ts";
import type { Ms } from "../time.ts";
import { PlaneRateLimitedError } from "./errors.ts";

/** Plane counts over 60 s; a second more, because a request reaches Plane later than it is counted here. */
const WINDOW_MS = 61_000;

/**
 * The part of the limit that calls leave to more urgent ones, at least one request: background calls to interactive
 * ones, and calls from the spare part (details, which are many and can wait) to everything else.
 */
const RESERVED_PARTS = { interactive: 0, background: 0.2, spare: 0.5 } as const;

export type CallPriority = keyof typeof RESERVED_PARTS;

export interface QuotaOptions {
  store: Pick<Store, "spend" | "hold">;
  /** Names the key in the store; never the key itself. */
  keyName: string;
  /** Requests a minute. */
  limit: number;
  wait: (ms: Ms) => Promise<void>;
  /** How long one call may wait for its turn in all. */
  maxWait: Record<CallPriority, Ms>;
}

export interface Quota {
  /** The turns of one call: each resolves when one more request may go, or throws PlaneRateLimitedError. */
  createTurnWaiter(operation: string, priority: CallPriority, patience?: { left: Ms }): () => Promise<void>;
  /** After a 429: nobody who shares the store asks with this key for so long. */
  hold(ms: Ms): Promise<void>;
}

/** A sliding-window quota for one API key, shared by every process on the store. */
export function createQuota(options: QuotaOptions): Quota {
  const { store, limit, wait, maxWait } = options;
  const bucket = `plane:${options.keyName}`;
  const limitWithReserve = (part: number) => Math.max(1, limit - Math.max(1, Math.ceil(limit * part)));
  const limits: Record<CallPriority, number> = {
    interactive: limit,
    background: limitWithReserve(RESERVED_PARTS.background),
    spare: limitWithReserve(RESERVED_PARTS.spare),
  };

  return {
    createTurnWaiter(operation, priority, waitBudget = { left: maxWait[priority] }) {
      return async () => {
        for (;;) {
          const delay = await store.spend(bucket, 1, limits[priority], WINDOW_MS);
          if (delay === 0) return;
          if (delay > waitBudget.left) throw createQuotaError(operation, delay);
          waitBudget.left -= delay;
          await wait(delay);
        }
      };
    },
    hold: (ms) => store.hold(bucket, ms),
  };
}

function createQuotaError(operation: string, retryAfter: Ms) {
  const seconds = Math.ceil(retryAfter / 1000);
  return new PlaneRateLimitedError(
    { operation, retryAfter },
    `The quota of this API key is used up: ${operation} was not sent and would have to wait ${seconds} s more.`,
  );
}
