/** The errors of calls to Plane, one class for each way in which a caller reacts. */

/** One code for each way to handle an error. */
type PlaneErrorCode = "auth" | "not_found" | "conflict" | "invalid" | "rate_limited" | "unavailable" | "unexpected";

/** The codes of answers that refuse one request, while others may succeed. */
export const REFUSAL_CODES: ReadonlySet<PlaneErrorCode> = new Set(["auth", "not_found", "invalid", "unexpected"]);

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
 * it contains Plane's own message if there is one, and never a key. `Fields` are those that a class adds.
 */
export abstract class PlaneError<Fields extends object = object> extends Error {
  abstract readonly code: PlaneErrorCode;
  declare readonly operation: string;
  declare readonly status: number | undefined;
  declare readonly detail: string | undefined;

  constructor(context: PlaneErrorContext & Fields, message: string) {
    super(message);
    Object.assign(this, { status: undefined, detail: undefined, ...context });
  }
}

/** 401 or 403: the key is wrong (`key`), or it may not do this one thing (`permission`; also an unknown workspace). */
export class PlaneAuthError extends PlaneError<{ reason: "key" | "permission" }> {
  override readonly name = "PlaneAuthError";
  readonly code = "auth";
  declare readonly reason: "key" | "permission";
}

/** 404 from Plane itself. Plane also answers it for archived, draft and triage items. */
export class PlaneNotFoundError extends PlaneError<{ noRoute: boolean }> {
  override readonly name = "PlaneNotFoundError";
  readonly code = "not_found";
  /** True when this version of Plane has no such route, false when the object does not exist. */
  declare readonly noRoute: boolean;
}

/** 409: the object already exists; `id` is its id if Plane reports it. */
export class PlaneConflictError extends PlaneError<{ id: string | undefined }> {
  override readonly name = "PlaneConflictError";
  readonly code = "conflict";
  declare readonly id: string | undefined;
}

/** Any other 4xx: Plane rejects the request's content. */
export class PlaneInvalidError extends PlaneError<{ fields: Record<string, string[]> }> {
  override readonly name = "PlaneInvalidError";
  readonly code = "invalid";
  /** Plane's messages by field (`name`, `non_field_errors`, …); empty when it has none. */
  declare readonly fields: Record<string, string[]>;
}

/** The quota of this key is used up, according to Plane's 429 or to our own count before the request. */
export class PlaneRateLimitedError extends PlaneError<{ retryAfter: number }> {
  override readonly name = "PlaneRateLimitedError";
  readonly code = "rate_limited";
  /** Milliseconds to wait before the next request. */
  declare readonly retryAfter: number;
}

/**
 * No usable answer: network error, timeout, 5xx, truncated body, or a page instead of JSON. Plane may have carried out
 * the request.
 */
export class PlaneUnavailableError extends PlaneError<{ retryAfter?: number | undefined }> {
  override readonly name = "PlaneUnavailableError";
  readonly code = "unavailable";
  /** Milliseconds; set when the answer had a `Retry-After`. */
  declare readonly retryAfter: number | undefined;
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

/**
 * Creates an object with an `external_source` and `external_id` and returns its id: that of the existing object if
 * there is one with the same pair, so that a create can be repeated.
 */
export async function createOnce(create: () => Promise<{ data: { id: string } }>): Promise<string> {
  try {
    return (await create()).data.id;
  } catch (thrown) {
    if (thrown instanceof PlaneConflictError && thrown.id !== undefined) return thrown.id;
    throw thrown;
  }
}
