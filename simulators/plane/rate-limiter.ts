import { MINUTE, type Ms } from "../../shared/time.ts";
import { PlaneApiError } from "./api-error.ts";

/** Plane's rate limiter: counts the accepted requests of each key in the last minute. */
export interface RateLimiter {
  /** Counts a request and returns how many remain. Throws a `RateLimitError` when none remained. */
  spend(key: string): number;
}

/** The answer 429. */
export class RateLimitError extends PlaneApiError {
  /** Whole seconds to wait. */
  readonly retryAfter: number;
  constructor(retryAfter: number) {
    super(429, { error_code: 5900, error_message: "RATE_LIMIT_EXCEEDED" });
    this.retryAfter = retryAfter;
  }
}

/** `limit` is the number of requests per minute and key. With Infinity the remainder is constant. */
export function createRateLimiter(clock: () => Ms, limit: number): RateLimiter {
  const history = new Map<string, Ms[]>();
  return {
    spend(key) {
      if (limit === Number.POSITIVE_INFINITY) return 99_999;
      const now = clock();
      const recent = (history.get(key) ?? []).filter((at) => at > now - MINUTE);
      const [oldest = now] = recent;
      if (recent.length >= limit) throw new RateLimitError(Math.ceil((MINUTE - (now - oldest)) / 1000));
      recent.push(now);
      history.set(key, recent);
      return limit - recent.length;
    },
  };
}
