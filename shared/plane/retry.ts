import type { Log } from "../log.ts";
import type { Ms } from "../time.ts";
import type { Endpoint, PlaneCallOptions } from "./client.ts";
import { type PlaneError, PlaneRateLimitedError, PlaneUnavailableError } from "./errors.ts";

interface RetryOptions {
  operation: string;
  /** Whether the request may be repeated when it is unknown whether Plane carried it out. */
  repeatable: boolean;
  /** Pause before each retry, in milliseconds. */
  delays: readonly Ms[];
  /** Limit of a `Retry-After`: a longer one ends the call. */
  maxWait: Ms;
  wait: (ms: Ms) => Promise<void>;
  log: Log;
}

/** Calls `attempt(0)` and, after a failure that a retry may fix, `attempt(1)` and so on, once for each delay. */
export async function withRetries<T>(options: RetryOptions, attempt: (attemptIndex: number) => Promise<T>): Promise<T> {
  for (let attemptIndex = 0; ; attemptIndex += 1) {
    try {
      return await attempt(attemptIndex);
    } catch (thrown) {
      const delay = options.delays[attemptIndex];
      if (delay === undefined || !mayRepeat(thrown, options)) throw thrown;
      // After a 429 the quota delays the next attempt, like all other requests with this key.
      const pause = thrown instanceof PlaneUnavailableError ? Math.max(delay, thrown.retryAfter ?? 0) : 0;
      const { operation, log } = options;
      log.warn("request to Plane repeated", {
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
  // Plane does not carry out a request that it answers with 429, so every request may be repeated. An error of our own
  // quota has no status and is final.
  if (thrown instanceof PlaneRateLimitedError) return thrown.status === 429;
  return thrown instanceof PlaneUnavailableError && repeatable && (thrown.retryAfter ?? 0) <= maxWait;
}

/**
 * Reads and PATCHes may be repeated, and creates that Plane recognizes by their `external_source` and `external_id`: it
 * answers the second one with 409 and the id of the first.
 */
export function isRepeatable(method: Endpoint<unknown>["method"], json: PlaneCallOptions["json"]): boolean {
  return (
    method === "GET" ||
    method === "PATCH" ||
    (method === "POST" && Boolean(json?.["external_source"] && json["external_id"]))
  );
}
