/**
 * Errors that callers see: `GroundcrewError` with its code and HTTP status, the refusal as people read it, and how the
 * issues of a schema are put into words.
 */

import type { z } from "zod";
import type { RefusalName } from "./i18n/en.ts";
import type { Ms } from "./time.ts";

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

/**
 * A refusal as people read it: the name of its text in `RefusalTexts`, and the values of the text's placeholders. It is
 * stored in events, so its names keep their meaning.
 */
export interface Refusal {
  name: string;
  /** A `status` is one of the words `todo`, `in_progress` …, which is shown in the reader's language. */
  values?: Readonly<Record<string, string>>;
  /** Replaces `{reason}`. */
  reason?: Omit<Refusal, "reason">;
  /** Replace `{reason}` as a list. */
  reasons?: readonly Omit<Refusal, "reason">[];
}

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
 * An error that is returned to HTTP callers as `{error: {code, message}}`, so its message must not contain a secret.
 * The message is in English, for agents, administrators and the log. An error that a person's command can cause also
 * has a `refusal`: what that person reads, in their language.
 */
export class GroundcrewError extends Error {
  readonly code: ErrorCode;
  readonly refusal: Refusal | undefined;
  /** After how long the same call may succeed. */
  readonly retryAfter: Ms | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    {
      refusal,
      retryAfter,
      ...options
    }: ErrorOptions & { refusal?: (Refusal & { name: RefusalName }) | undefined; retryAfter?: Ms } = {},
  ) {
    super(message, options);
    this.name = "GroundcrewError";
    this.code = code;
    this.refusal = refusal;
    this.retryAfter = retryAfter;
  }

  get status() {
    return HTTP_STATUS[this.code];
  }
}

/** Limit of named issues: 3, because one wrong part of a body often causes many. */
const MAX_ISSUES = 3;

/** Returns the message of a thrown value, which need not be an `Error`. */
export function getErrorMessage(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** Finds the code of an error, such as ECONNREFUSED, which `fetch` wraps in causes. */
export function findErrorCode(thrown: unknown): string | undefined {
  for (let error = thrown, depth = 0; error instanceof Error && depth < 5; error = error.cause, depth += 1) {
    if ("code" in error && typeof error.code === "string") return error.code;
  }
  return undefined;
}

/**
 * Formats why a schema refused a value: `path: message`, separated by semicolons. It contains no part of the value.
 * @param subject the name of the whole value, for an issue without a path
 */
export function formatSchemaIssues(error: Pick<z.core.$ZodError, "issues">, subject: string): string {
  return error.issues
    .slice(0, MAX_ISSUES)
    .map(({ path, message }) => `${path.join(".") || subject}: ${message}`)
    .join("; ");
}
