/** Which errors are refusals, and how people read them, in their language; an agent gets the error's English sentence instead. */

import { type ErrorCode, GroundcrewError, type Refusal } from "../errors.ts";
import type { RefusalName } from "../i18n/en.ts";
import { formatTemplate } from "../i18n/localize.ts";
import type { TelegramTexts } from "../i18n/texts.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { PlaneAuthError, PlaneError, PlaneRateLimitedError, PlaneUnavailableError } from "../plane/errors.ts";

const PLANE_REFUSALS = {
  auth: "planePermission",
  not_found: "planeNotFound",
  conflict: "planeConflict",
  invalid: "planeInvalid",
  rate_limited: "planeBusy",
  unavailable: "planeUnavailable",
  unexpected: "planeUnexpected",
} as const satisfies Record<PlaneError["code"], RefusalName>;

/** The code with which callers of Groundcrew get an error of Plane. */
const PLANE_ERROR_CODES = {
  auth: "forbidden",
  not_found: "not_found",
  conflict: "conflict",
  invalid: "bad_request",
  rate_limited: "rate_limited",
  unavailable: "unavailable",
  unexpected: "unavailable",
} as const satisfies Record<PlaneError["code"], ErrorCode>;

/** Converts a failure of Plane to the error that callers of Groundcrew get. */
export function toGroundcrewError(error: PlaneError): GroundcrewError {
  const isRetryable = error instanceof PlaneRateLimitedError || error instanceof PlaneUnavailableError;
  return new GroundcrewError(PLANE_ERROR_CODES[error.code], error.message, {
    refusal: toPlaneRefusal(error),
    ...omitUndefined({ retryAfter: isRetryable ? error.retryAfter : undefined }),
    cause: error,
  });
}

/** Returns what a person reads of an error; undefined for an error that only agents and administrators get. */
export function getRefusal(thrown: unknown): Refusal | undefined {
  if (thrown instanceof GroundcrewError) return thrown.refusal;
  return thrown instanceof PlaneError ? toPlaneRefusal(thrown) : undefined;
}

/** What a person reads of a failure of Plane. */
export function toPlaneRefusal(error: PlaneError): Refusal & { name: RefusalName } {
  const name = PLANE_REFUSALS[error.code];
  if (error instanceof PlaneAuthError && error.reason === "key") return { name: "planeKey" };
  if (error instanceof PlaneRateLimitedError)
    return { name, values: { seconds: String(Math.ceil(error.retryAfter / 1000)) } };
  return name === "planeInvalid" ? { name, values: { detail: error.detail ?? String(error.status) } } : { name };
}

/** Turns a failure of Plane into an answer that says so; the request may be repeated. */
export async function reportPlaneErrors<T>(result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (thrown) {
    if (!(thrown instanceof PlaneError)) throw thrown;
    throw new GroundcrewError("unavailable", `Plane has not answered: ${thrown.message} Try again.`, {
      cause: thrown,
      refusal: toPlaneRefusal(thrown),
    });
  }
}

/** Whether Plane or Groundcrew refuses something whenever it is repeated. */
export function isRefusal(thrown: unknown): boolean {
  if (thrown instanceof PlaneAuthError) return thrown.reason === "permission";
  if (thrown instanceof PlaneError) return ["conflict", "invalid", "not_found"].includes(thrown.code);
  const codes = ["bad_request", "conflict", "forbidden", "not_found"];
  return thrown instanceof GroundcrewError && codes.includes(thrown.code);
}

/**
 * Renders a refusal in a language, as plain text. Undefined for a name that this version does not know: another version
 * has stored it.
 */
export function renderRefusal(
  texts: Pick<TelegramTexts, "refusals" | "statuses">,
  { name, values = {}, reason, reasons = reason ? [reason] : [] }: Refusal,
): string | undefined {
  const { refusals } = texts;
  const statuses: Readonly<Record<string, string>> = texts.statuses;
  const status = statuses[values["status"] ?? ""];
  if (!Object.hasOwn(refusals, name)) return undefined;
  return formatTemplate(refusals[name as RefusalName], {
    ...values,
    ...(status === undefined ? {} : { status }),
    ...(reasons.length > 0 ? { reason: reasons.map((one) => renderRefusal(texts, one) ?? one.name).join(" · ") } : {}),
  });
}
