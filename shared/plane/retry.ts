import type { Log } from "../log.ts";
import type { Ms } from "../time.ts";
import type { Endpoint, PlaneCallOptions } from "./client.ts";
import { type PlaneError, PlaneRateLimitedError, PlaneUnavailableError } from "./errors.ts";

interface RetryOptions {
  operation: string;
  /** Whether the request may be sent again when nobody knows what became of it. */
  repeatable: boolean;
  /** The pause before each repetition, in milliseconds. */
  delays: readonly Ms[];
  /** A `Retry-After` longer than this ends the call. */
  maxWait: Ms;
  wait: (ms: Ms) => Promise<void>;
  log: Log;
}

/** Calls `attempt(0)`, and after a failure that another try may mend `attempt(1)` and so on, once per delay. */
export async function withRetries<T>(options: RetryOptions, attempt: (attemptIndex: number) => Promise<T>): Promise<T> {
  for (let attemptIndex = 0; ; attemptIndex += 1) {
    try {
      return await attempt(attemptIndex);
    } catch (thrown) {
      const delay = options.delays[attemptIndex];
      if (delay === undefined || !mayRepeat(thrown, options)) throw thrown;
      // After a 429 the quota makes the next attempt wait, with everyone else.
      const pause = thrown instanceof PlaneUnavailableError ? Math.max(delay, thrown.retryAfter ?? 0) : 0;
      const { operation, log } = options;
      log.warn("Plane is asked again", {
        operation,
        reason: thrown.code,
        status: thrown.status,
        after: attemptIndex + 1,
        pause,
      });
      if (pause > 0) await options.wait(pause);
    }
  }
}

function mayRepeat(thrown: unknown, { repeatable, maxWait }: RetryOptions): thrown is PlaneError {
  // Plane did nothing when it said 429, so that is safe for every request. Our own quota has no status and is final.
  if (thrown instanceof PlaneRateLimitedError) return thrown.status === 429;
  return thrown instanceof PlaneUnavailableError && repeatable && (thrown.retryAfter ?? 0) <= maxWait;
}

/**
 * Reads and PATCHes may be repeated, and creates that Plane recognises the second time: the same
 * `external_source` and `external_id` answer 409 with the id of the first.
 */
export function isRepeatable(method: Endpoint<unknown>["method"], json: PlaneCallOptions["json"]): boolean {
  return (
    method === "GET" ||
    method === "PATCH" ||
    (method === "POST" && Boolean(json?.["external_source"] && json["external_id"]))
  );
}
