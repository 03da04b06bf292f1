/** One word per way to go on. */
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
}

/**
 * What every failed call to Plane throws. The message says what happened, to what, and what to do;
 * it holds Plane's own words where there are any, and never a key.
 */
export abstract class PlaneError extends Error {
  abstract readonly code: PlaneErrorCode;
  readonly operation: string;
  readonly status: number | undefined;

  constructor(context: PlaneErrorContext, message: string) {
    super(message);
    this.operation = context.operation;
    this.status = context.status;
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

/** 404 from Plane itself; what it answers for archived, draft and triage items too. */
export class PlaneNotFoundError extends PlaneError {
  override readonly name = "PlaneNotFoundError";
  readonly code = "not_found";
  /** True when this version of Plane has no such route, false when the thing is not there. */
  readonly noRoute: boolean;

  constructor(context: PlaneErrorContext & { noRoute: boolean }, message: string) {
    super(context, message);
    this.noRoute = context.noRoute;
  }
}

/** 409: it is there already; with the id of the first where Plane tells it. */
export class PlaneConflictError extends PlaneError {
  override readonly name = "PlaneConflictError";
  readonly code = "conflict";
  readonly id: string | undefined;

  constructor(context: PlaneErrorContext & { id: string | undefined }, message: string) {
    super(context, message);
    this.id = context.id;
  }
}

/** Another 4xx: Plane will not take what was sent. */
export class PlaneInvalidError extends PlaneError {
  override readonly name = "PlaneInvalidError";
  readonly code = "invalid";
  /** Plane's messages by field (`name`, `non_field_errors`, …); empty when it spoke of none. */
  readonly fields: Record<string, string[]>;

  constructor(context: PlaneErrorContext & { fields: Record<string, string[]> }, message: string) {
    super(context, message);
    this.fields = context.fields;
  }
}

/** The quota of this key is used up, by Plane's 429 or by our own count before asking. */
export class PlaneRateLimitedError extends PlaneError {
  override readonly name = "PlaneRateLimitedError";
  readonly code = "rate_limited";
  /** Milliseconds to wait before asking again. */
  readonly retryAfter: number;

  constructor(context: PlaneErrorContext & { retryAfter: number }, message: string) {
    super(context, message);
    this.retryAfter = context.retryAfter;
  }
}

/** No usable answer: network, time limit, 5xx, a cut-off body, a page instead of JSON. What was asked may have been done. */
export class PlaneUnavailableError extends PlaneError {
  override readonly name = "PlaneUnavailableError";
  readonly code = "unavailable";
  /** Milliseconds, where the answer carried a `Retry-After`. */
  readonly retryAfter: number | undefined;

  constructor(context: PlaneErrorContext & { retryAfter?: number | undefined }, message: string) {
    super(context, message);
    this.retryAfter = context.retryAfter;
  }
}

/** A whole answer that is not what this call is known to answer: another version, another server, a redirect. */
export class PlaneUnexpectedError extends PlaneError {
  override readonly name = "PlaneUnexpectedError";
  readonly code = "unexpected";
}
