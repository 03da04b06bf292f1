import { MINUTE, type Ms } from "../../shared/time.ts";
import { PlaneApiError } from "./api-error.ts";

/** Plane's own limiter: the last minute's requests of each key. A refused one does not count. */
export interface RateLimiter {
  /** What is left after this request. Throws the 429 with `retryAfter` when there was nothing left. */
  spend(key: string): number;
}

/** Carries how many whole seconds to wait. */
export class RateLimitError extends PlaneApiError {
  readonly retryAfter: number;
  constructor(retryAfter: number) {
    super(429, { error_code: 5900, error_message: "RATE_LIMIT_EXCEEDED" });
    this.retryAfter = retryAfter;
  }
}

/** `limit` in requests a minute and key; Infinity answers a constant remainder. */
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
