import { type ErrorCode, GroundcrewError } from "../../shared/errors.ts";
import {
  PlaneError,
  type PlaneErrorCode,
  PlaneRateLimitedError,
  PlaneUnavailableError,
} from "../../shared/plane/errors.ts";

/** Why a call was refused, as its caller is told. */
export interface Refusal {
  code: ErrorCode;
  message: string;
  /** Whole seconds after which the same call may work. */
  retryAfter?: number;
}

const OF_PLANE = {
  auth: "forbidden",
  not_found: "not_found",
  conflict: "conflict",
  invalid: "bad_request",
  rate_limited: "rate_limited",
  unavailable: "unavailable",
  unexpected: "unavailable",
} as const satisfies Record<PlaneErrorCode, ErrorCode>;

/** What an agent is told of an error that is meant for it; undefined for one that nobody expected. */
export function refusalOf(thrown: unknown): Refusal | undefined {
  if (thrown instanceof GroundcrewError) return { code: thrown.code, message: thrown.message };
  if (!(thrown instanceof PlaneError)) return undefined;
  const waits = thrown instanceof PlaneRateLimitedError || thrown instanceof PlaneUnavailableError;
  const ms = waits ? thrown.retryAfter : undefined;
  return {
    code: OF_PLANE[thrown.code],
    message: thrown.message,
    ...(ms !== undefined && { retryAfter: Math.max(1, Math.ceil(ms / 1000)) }),
  };
}
