/** One word per way to go on. */
export type PlaneErrorCode =
  | "auth"
  | "not_found"
  | "conflict"
  | "invalid"
  | "rate_limited"
  | "unavailable"
  | "unexpected";

interface About {
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

  constructor(about: About, message: string) {
    super(message);
    this.operation = about.operation;
    this.status = about.status;
  }
}

/** 401 or 403: the key is wrong (`key`), or it may not do this one thing (`permission`; also an unknown workspace). */
export class PlaneAuthError extends PlaneError {
  override readonly name = "PlaneAuthError";
  readonly code = "auth";
  readonly reason: "key" | "permission";

  constructor(about: About & { reason: "key" | "permission" }, message: string) {
    super(about, message);
    this.reason = about.reason;
  }
}

/** 404 from Plane itself; what it answers for archived, draft and triage items too. */
export class PlaneNotFoundError extends PlaneError {
  override readonly name = "PlaneNotFoundError";
  readonly code = "not_found";
  /** True when this version of Plane has no such route, false when the thing is not there. */
  readonly noRoute: boolean;

  constructor(about: About & { noRoute: boolean }, message: string) {
    super(about, message);
    this.noRoute = about.noRoute;
  }
}

/** 409: it is there already; with the id of the first where Plane tells it. */
export class PlaneConflictError extends PlaneError {
  override readonly name = "PlaneConflictError";
  readonly code = "conflict";
  readonly id: string | undefined;

  constructor(about: About & { id: string | undefined }, message: string) {
    super(about, message);
    this.id = about.id;
  }
}

/** Another 4xx: Plane will not take what was sent. */
export class PlaneInvalidError extends PlaneError {
  override readonly name = "PlaneInvalidError";
  readonly code = "invalid";
  /** Plane's messages by field (`name`, `non_field_errors`, …); empty when it spoke of none. */
  readonly fields: Record<string, string[]>;

  constructor(about: About & { fields: Record<string, string[]> }, message: string) {
    super(about, message);
    this.fields = about.fields;
  }
}

/** The quota of this key is used up, by Plane's 429 or by our own count before asking. */
export class PlaneRateLimitedError extends PlaneError {
  override readonly name = "PlaneRateLimitedError";
  readonly code = "rate_limited";
  /** Milliseconds to wait before asking again. */
  readonly retryAfter: number;

  constructor(about: About & { retryAfter: number }, message: string) {
    super(about, message);
    this.retryAfter = about.retryAfter;
  }
}

/** No usable answer: network, time limit, 5xx, a cut-off body, a page instead of JSON. What was asked may have been done. */
export class PlaneUnavailableError extends PlaneError {
  override readonly name = "PlaneUnavailableError";
  readonly code = "unavailable";
  /** Milliseconds, where the answer carried a `Retry-After`. */
  readonly retryAfter: number | undefined;

  constructor(about: About & { retryAfter?: number | undefined }, message: string) {
    super(about, message);
    this.retryAfter = about.retryAfter;
  }
}

/** A whole answer that is not what this call is known to answer: another version, another server, a redirect. */
export class PlaneUnexpectedError extends PlaneError {
  override readonly name = "PlaneUnexpectedError";
  readonly code = "unexpected";
}
