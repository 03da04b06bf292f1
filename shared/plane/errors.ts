/** The errors of calls to Plane, one class for each way in which a caller reacts. */

/** One code for each way to handle an error. */
export type PlaneErrorCode =
  | "auth"
  | "not_found"
  | "conflict"
  | "invalid"
  | "rate_limited"
  | "unavailable"
  | "unexpected";

interface PlaneErrorContext {
  /** The endpoint's `operation`. */
  operation: string;
  /** Plane's HTTP status; absent when there was no answer. */
  status?: number | undefined;
  /** Plane's own words, in English, if it gave a reason. */
  detail?: string | undefined;
}

/**
 * The error of every failed call to Plane. The message states what happened, to which object, and what to do;
 * it contains Plane's own message if there is one, and never a key.
 */
export abstract class PlaneError extends Error {
  abstract readonly code: PlaneErrorCode;
  readonly operation: string;
  readonly status: number | undefined;
  readonly detail: string | undefined;

  constructor(context: PlaneErrorContext, message: string) {
    super(message);
    this.operation = context.operation;
    this.status = context.status;
    this.detail = context.detail;
  }
}

/** 401 or 403: the key is wrong (`key`), or it may not do this one thing (`permission`; also an unknown workspace). */
export class PlaneAuthError extends PlaneError {
  override readonly name = "PlaneAuthError";
  readonly code = "auth";
  readonly reason: "key" | "permission";

  constructor(context: PlaneErrorContext & { reason: "key" | "permission" }, message: string) {
    super(context, message);
    this.reason = context.reason;
  }
}

/** 404 from Plane itself. Plane also answers it for archived, draft and triage items. */
export class PlaneNotFoundError extends PlaneError {
  override readonly name = "PlaneNotFoundError";
  readonly code = "not_found";
  /** True when this version of Plane has no such route, false when the object does not exist. */
  readonly noRoute: boolean;

  constructor(context: PlaneErrorContext & { noRoute: boolean }, message: string) {
    super(context, message);
    this.noRoute = context.noRoute;
  }
}

/** 409: the object already exists; `id` is its id if Plane reports it. */
export class PlaneConflictError extends PlaneError {
  override readonly name = "PlaneConflictError";
  readonly code = "conflict";
  readonly id: string | undefined;

  constructor(context: PlaneErrorContext & { id: string | undefined }, message: string) {
    super(context, message);
    this.id = context.id;
  }
}

/** Any other 4xx: Plane rejects the request's content. */
export class PlaneInvalidError extends PlaneError {
  override readonly name = "PlaneInvalidError";
  readonly code = "invalid";
  /** Plane's messages by field (`name`, `non_field_errors`, …); empty when it has none. */
  readonly fields: Record<string, string[]>;

  constructor(context: PlaneErrorContext & { fields: Record<string, string[]> }, message: string) {
    super(context, message);
    this.fields = context.fields;
  }
}

/** The quota of this key is used up, according to Plane's 429 or to our own count before the request. */
export class PlaneRateLimitedError extends PlaneError {
  override readonly name = "PlaneRateLimitedError";
  readonly code = "rate_limited";
  /** Milliseconds to wait before the next request. */
  readonly retryAfter: number;

  constructor(context: PlaneErrorContext & { retryAfter: number }, message: string) {
    super(context, message);
    this.retryAfter = context.retryAfter;
  }
}

/**
 * No usable answer: network error, timeout, 5xx, truncated body, or a page instead of JSON. Plane may have carried out
 * the request.
 */
export class PlaneUnavailableError extends PlaneError {
  override readonly name = "PlaneUnavailableError";
  readonly code = "unavailable";
  /** Milliseconds; set when the answer had a `Retry-After`. */
  readonly retryAfter: number | undefined;

  constructor(context: PlaneErrorContext & { retryAfter?: number | undefined }, message: string) {
    super(context, message);
    this.retryAfter = context.retryAfter;
  }
}

/** A complete answer of an unknown form: from another version or another server, or a redirect. */
export class PlaneUnexpectedError extends PlaneError {
  override readonly name = "PlaneUnexpectedError";
  readonly code = "unexpected";
}

/**
 * Whether a failure passes or must be fixed by a person (Plane unavailable, rate limit, credentials), so that what
 * failed is repeated without limit.
 */
export function isTransientPlaneError(thrown: unknown): boolean {
  return thrown instanceof PlaneError && ["unavailable", "rate_limited", "auth"].includes(thrown.code);
}
