import type { Context } from "hono";
import { GroundcrewError } from "../errors.ts";
import { toRateLimitSource } from "../ip-address.ts";
import { MINUTE, type Ms } from "../time.ts";
import { createSourceLimiter } from "./source-limiter.ts";

/** Limit of remembered sources: 10,000, about 1 MB. */
const MAX_SOURCES = 10_000;

/** Counts refused requests per source. It never refuses by itself, so a source over its limit is still authenticated. */
export interface RefusalLimiter {
  /** Counts a refusal; returns it as the error of the response, or `rate_limited` when the source is over its limit. */
  countRefusal(c: Context, refusal: GroundcrewError): GroundcrewError;
  /** The error `rate_limited` when the next refusal of the request's source is over its limit; counts nothing. */
  findLimit(c: Context): GroundcrewError | undefined;
}

interface RefusalLimiterOptions {
  /** Limit of refusals per minute and source that are answered with their own reason. */
  limit: number;
  /** Message of the error `rate_limited`. */
  message: string;
  clock: () => Ms;
}

/** Creates a limiter of refused requests; its error is answered with `Retry-After`. */
export function createRefusalLimiter({ limit, message, clock }: RefusalLimiterOptions): RefusalLimiter {
  const limiter = createSourceLimiter({ limit, window: MINUTE, sources: MAX_SOURCES, clock });
  const getSource = (c: Context) => toRateLimitSource(c.get("client"));
  function createLimitError(c: Context): GroundcrewError {
    c.header("Retry-After", String(MINUTE / 1000));
    return new GroundcrewError("rate_limited", message);
  }

  return {
    countRefusal: (c, refusal) => (limiter.count(getSource(c)) ? createLimitError(c) : refusal),
    findLimit: (c) => (limiter.isExhausted(getSource(c)) ? createLimitError(c) : undefined),
  };
}
