import { type ErrorCode, GroundcrewError } from "../../shared/errors.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import {
  PlaneError,
  type PlaneErrorCode,
  PlaneRateLimitedError,
  PlaneUnavailableError,
} from "../../shared/plane/errors.ts";

/** Why a call was refused, as its caller sees it. */
export interface ToolRefusal {
  code: ErrorCode;
  message: string;
  /** Whole seconds after which the same call may succeed. */
  retryAfter?: number;
}

const PLANE_ERROR_CODES = {
  auth: "forbidden",
  not_found: "not_found",
  conflict: "conflict",
  invalid: "bad_request",
  rate_limited: "rate_limited",
  unavailable: "unavailable",
  unexpected: "unavailable",
} as const satisfies Record<PlaneErrorCode, ErrorCode>;

/** Converts an expected error to what the caller may see; undefined for an unexpected one, which is only logged. */
export function toToolRefusal(thrown: unknown): ToolRefusal | undefined {
  if (thrown instanceof GroundcrewError) return { code: thrown.code, message: thrown.message };
  if (!(thrown instanceof PlaneError)) return undefined;
  const isRetryable = thrown instanceof PlaneRateLimitedError || thrown instanceof PlaneUnavailableError;
  const retryAfterMs = isRetryable ? thrown.retryAfter : undefined;
  return {
    code: PLANE_ERROR_CODES[thrown.code],
    message: thrown.message,
    ...omitUndefined({
      retryAfter: retryAfterMs !== undefined ? Math.max(1, Math.ceil(retryAfterMs / 1000)) : undefined,
    }),
  };
}
