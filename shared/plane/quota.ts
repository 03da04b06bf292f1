import type { Store } from "../store/port.ts";
import { holdBucket, reserveTurn } from "../store/rate-limit-hold.ts";
import type { Ms } from "../time.ts";
import { PlaneRateLimitedError } from "./errors.ts";

/** Window of the quota: 61 s. Plane's own is 60 s, but a request reaches Plane later than it is counted here. */
const WINDOW_MS = 61_000;

/**
 * Part of the limit that calls leave to more urgent ones, at least one request. Background calls leave it to
 * interactive ones; spare calls, which read details that are many and not urgent, leave it to all others.
 */
const RESERVED_PARTS = { interactive: 0, background: 0.2, spare: 0.5 } as const;

export type CallPriority = keyof typeof RESERVED_PARTS;

export interface QuotaOptions {
  store: Pick<Store, "spend" | "hold" | "limitHold" | "takeProbe" | "endProbe">;
  /** Name of the key in the store; never the key itself. */
  keyName: string;
  /** Requests a minute. */
  limit: number;
  wait: (ms: Ms) => Promise<void>;
  /** Limit of the total time that one call may wait. */
  maxWait: Record<CallPriority, Ms>;
}

export interface Quota {
  /**
   * Returns the wait function of one call. It resolves when one more request may be sent, and throws a
   * PlaneRateLimitedError when that would take longer than the call may still wait. It resolves with true when the
   * request is the probe after a long hold: all others wait for `endProbe`.
   */
  createTurnWaiter(operation: string, priority: CallPriority, waitBudget?: { left: Ms }): () => Promise<boolean>;
  /**
   * After a 429: stops all requests with this key for `ms` (15 minutes at most), in every process that shares the
   * store.
   */
  hold(ms: Ms): Promise<void>;
  /** Reports that Plane accepted the probe: all requests may be sent again. */
  endProbe(): Promise<void>;
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
          const turn = { bucket, n: 1, limit: limits[priority], window: WINDOW_MS };
          const spend = () => store.spend(bucket, 1, limits[priority], WINDOW_MS);
          const { wait: delay, isProbe } = await reserveTurn(store, "plane", turn, spend);
          if (delay === 0) return isProbe;
          if (delay > waitBudget.left) throw createQuotaError(operation, delay);
          waitBudget.left -= delay;
          await wait(delay);
        }
      };
    },
    hold: (ms) => holdBucket(store, "plane", bucket, ms),
    endProbe: () => store.endProbe(bucket),
  };
}

function createQuotaError(operation: string, retryAfter: Ms) {
  const seconds = Math.ceil(retryAfter / 1000);
  return new PlaneRateLimitedError(
    { operation, retryAfter },
    `The quota of this API key is used up: ${operation} was not sent. Try again in ${seconds} s.`,
  );
}
