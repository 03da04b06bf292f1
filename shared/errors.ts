import type { RefusalName } from "./i18n/texts/refusal-texts.ts";
import type { Refusal } from "./refusal.ts";

/** Machine-readable reason of an error. The message is for people: what happened, to what, and what to do. */
export type ErrorCode =
  | "bad_request"
  | "unauthorized"
  | "forbidden"
  | "not_found"
  | "method_not_allowed"
  | "conflict"
  | "stopped"
  | "too_large"
  | "unsupported_type"
  | "rate_limited"
  | "unavailable"
  | "internal";

const HTTP_STATUS = {
  bad_request: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  conflict: 409,
  stopped: 409,
  too_large: 413,
  unsupported_type: 415,
  rate_limited: 429,
  internal: 500,
  unavailable: 503,
} as const satisfies Record<ErrorCode, number>;

/**
 * An error that is returned to HTTP callers as `{error: {code, message}}`, so its message must not contain a secret. The
 * message is in English, for agents, administrators and the log. An error that a person's command can cause also has a
 * `refusal`: what that person reads, in their language.
 */
export class GroundcrewError extends Error {
  readonly code: ErrorCode;
  readonly refusal: Refusal | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    { refusal, ...options }: ErrorOptions & { refusal?: (Refusal & { name: RefusalName }) | undefined } = {},
  ) {
    super(message, options);
    this.name = "GroundcrewError";
    this.code = code;
    this.refusal = refusal;
  }

  get status() {
    return HTTP_STATUS[this.code];
  }
}

/** Returns the message of a thrown value, which need not be an `Error`. */
export function getErrorMessage(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
