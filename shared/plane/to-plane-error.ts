import { MINUTE } from "../time.ts";
import {
  PlaneAuthError,
  PlaneConflictError,
  type PlaneError,
  PlaneInvalidError,
  PlaneNotFoundError,
  PlaneRateLimitedError,
  PlaneUnavailableError,
  PlaneUnexpectedError,
} from "./errors.ts";
import type { PlaneReply } from "./request.ts";
import { parseRetryAfter } from "./retry-after.ts";
import { planeIdSchema } from "./schema.ts";

/** Wait after a 429 without a `Retry-After`: one minute, the window of Plane's rate limit. */
const DEFAULT_RETRY_MS = MINUTE;

/** Converts an answer with a status of 400 or more to an error. */
export function toPlaneError(operation: string, reply: PlaneReply): PlaneError {
  const { status } = reply;
  const errorBody = parseErrorBody(reply.body);
  const context = { operation, status, detail: errorBody?.text || undefined };
  const summary = errorBody?.text ? `${status}: ${errorBody.text}` : `${status}`;
  const retryAfter = parseRetryAfter(reply.headers.get("retry-after"), reply.date);

  if (status === 429) {
    const wait = retryAfter ?? DEFAULT_RETRY_MS;
    return new PlaneRateLimitedError(
      { ...context, retryAfter: wait },
      `Plane's rate limit is reached (${operation}, ${summary}); it asks to wait ${Math.ceil(wait / 1000)} s.`,
    );
  }
  if (status >= 500 || status === 408 || status === 425)
    return new PlaneUnavailableError({ ...context, retryAfter }, `Plane could not answer ${operation} (${summary}).`);
  if (status === 401 || (status === 403 && /api token is not valid/i.test(summary)))
    return new PlaneAuthError(
      { ...context, reason: "key" },
      `Plane refused the authentication of ${operation} (${summary}): the API key or the session is not valid.`,
    );
  if (status === 403)
    return new PlaneAuthError(
      { ...context, reason: "permission" },
      `Plane does not allow ${operation} (${summary}): check the workspace's name and the role of the account.`,
    );
  // A proxy answers 404 in another format when Plane is down. That does not mean that the object is deleted.
  if (status === 404 && !errorBody)
    return new PlaneUnavailableError(
      context,
      `A proxy in front of Plane answered ${operation} (404, not in Plane's format); check that Plane is running and its address is correct.`,
    );
  if (status === 404 || status === 410) {
    const noRoute = errorBody?.text === "Page not found.";
    return new PlaneNotFoundError(
      { ...context, noRoute },
      noRoute
        ? `This version of Plane has no route for ${operation} (${summary}).`
        : `Plane did not find the object of ${operation} (${summary}).`,
    );
  }
  if (!errorBody)
    return new PlaneUnexpectedError(
      context,
      `Plane refused ${operation} (${status}) without a reason in JSON; check its address and any proxy in front of it.`,
    );
  if (status === 409)
    return new PlaneConflictError(
      { ...context, id: errorBody.id },
      `Plane already has the object that ${operation} would create (${summary}).`,
    );
  return new PlaneInvalidError({ ...context, fields: errorBody.fields }, `Plane refused ${operation} (${summary}).`);
}

interface ErrorBody {
  /** For people, on one line, at most 300 characters. */
  text: string;
  fields: Record<string, string[]>;
  id: string | undefined;
}

/** Parses the body of an error. Undefined when it is not a JSON object and therefore not from Plane. */
function parseErrorBody(body: string): ErrorBody | undefined {
  const value = tryParseJson(body);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const general: string[] = [];
  const fields: [string, string[]][] = [];
  for (const [key, content] of Object.entries(value)) {
    const texts = collectTexts(content);
    if (["error", "detail", "error_message", "message"].includes(key)) general.push(...texts);
    else if (key !== "id" && texts.length > 0) fields.push([key, texts]);
  }
  const text = [...general, ...fields.map(([field, texts]) => `${field}: ${texts.join(" ")}`)].join("; ");
  return {
    text: text.replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, " ").slice(0, 300),
    fields: Object.fromEntries(fields),
    id: "id" in value ? planeIdSchema.safeParse(value.id).data : undefined,
  };
}

function tryParseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function collectTexts(content: unknown): string[] {
  if (typeof content === "string") return [content];
  if (typeof content === "object" && content !== null) return Object.values(content).flatMap(collectTexts);
  return [];
}
