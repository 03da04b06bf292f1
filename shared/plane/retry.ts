import type { Log } from "../log.ts";
import type { Ms } from "../store/port.ts";
import type { CallOptions, Endpoint } from "./client.ts";
import { type PlaneError, PlaneRateLimitedError, PlaneUnavailableError } from "./errors.ts";

interface Retries {
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
export async function withRetries<T>(retries: Retries, attempt: (nth: number) => Promise<T>): Promise<T> {
  for (let nth = 0; ; nth += 1) {
    try {
      return await attempt(nth);
    } catch (thrown) {
      const delay = retries.delays[nth];
      if (delay === undefined || !mayRepeat(thrown, retries)) throw thrown;
      // After a 429 the quota makes the next attempt wait, with everyone else.
      const pause = thrown instanceof PlaneUnavailableError ? Math.max(delay, thrown.retryAfter ?? 0) : 0;
      const { operation, log } = retries;
      log.warn("Plane is asked again", {
        operation,
        reason: thrown.code,
        status: thrown.status,
        after: nth + 1,
        pause,
      });
      if (pause > 0) await retries.wait(pause);
    }
  }
}

function mayRepeat(thrown: unknown, { repeatable, maxWait }: Retries): thrown is PlaneError {
  // Plane did nothing when it said 429, so that is safe for every request. Our own quota has no status and is final.
  if (thrown instanceof PlaneRateLimitedError) return thrown.status === 429;
  return thrown instanceof PlaneUnavailableError && repeatable && (thrown.retryAfter ?? 0) <= maxWait;
}

/**
 * Reads and PATCHes may be repeated, and creates that Plane recognises the second time: the same
 * `external_source` and `external_id` answer 409 with the id of the first.
 */
export function isRepeatable(method: Endpoint<unknown>["method"], json: CallOptions["json"]): boolean {
  return (
    method === "GET" ||
    method === "PATCH" ||
    (method === "POST" && Boolean(json?.["external_source"] && json["external_id"]))
  );
}
