import { DAY, MINUTE } from "../time.ts";
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
import { planeIdSchema } from "./schema.ts";

/** Plane's window: what a 429 without a `Retry-After` is taken to ask for. */
const DEFAULT_RETRY_MS = MINUTE;

/** The longest wait that is believed: a slip of something in between must not hold a key for years. */
const MAX_RETRY_MS = DAY;

/** The error that an answer of 400 or more is. */
export function toPlaneError(operation: string, reply: PlaneReply): PlaneError {
  const { status } = reply;
  const context = { operation, status };
  const errorBody = parseErrorBody(reply.body);
  const summary = errorBody?.text ? `${status}: ${errorBody.text}` : `${status}`;
  const retryAfter = parseRetryAfter(reply);

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
      `Plane does not know who asks for ${operation} (${summary}): the API key or the session is not valid.`,
    );
  if (status === 403)
    return new PlaneAuthError(
      { ...context, reason: "permission" },
      `Plane does not allow ${operation} (${summary}): check the workspace's name and the role of the account.`,
    );
  // A proxy in front of a Plane that is down answers 404 too, in its own words; nothing is gone then.
  if (status === 404 && !errorBody)
    return new PlaneUnavailableError(
      context,
      `Something in front of Plane answered ${operation} (404, not in Plane's form); check that Plane is up and its address is right.`,
    );
  if (status === 404 || status === 410) {
    const noRoute = errorBody?.text === "Page not found.";
    return new PlaneNotFoundError(
      { ...context, noRoute },
      noRoute
        ? `This Plane has no route for ${operation} (${summary}).`
        : `What ${operation} asks for is not in Plane (${summary}).`,
    );
  }
  if (!errorBody)
    return new PlaneUnexpectedError(
      context,
      `Plane refused ${operation} (${status}) without saying why in JSON; check its address and what stands in front of it.`,
    );
  if (status === 409)
    return new PlaneConflictError(
      { ...context, id: errorBody.id },
      `Plane has what ${operation} would make already (${summary}).`,
    );
  return new PlaneInvalidError({ ...context, fields: errorBody.fields }, `Plane refused ${operation} (${summary}).`);
}

interface ErrorBody {
  /** For people, on one line, at most 300 characters. */
  text: string;
  fields: Record<string, string[]>;
  id: string | undefined;
}

/** What Plane says in an error's body; undefined when it is not an object of JSON, so not Plane's. */
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
  const words = [...general, ...fields.map(([field, texts]) => `${field}: ${texts.join(" ")}`)].join("; ");
  return {
    text: words.replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, " ").slice(0, 300),
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

/** Milliseconds; `Retry-After` is in whole seconds or an HTTP date, and a date is compared with Plane's own clock. */
function parseRetryAfter(reply: PlaneReply): number | undefined {
  const text = reply.headers.get("retry-after")?.trim() ?? "";
  const isSeconds = /^\d+$/.test(text);
  if (!isSeconds && !/ GMT$/.test(text)) return undefined;
  const wait = isSeconds ? Number(text) * 1000 : Date.parse(text) - Date.parse(reply.date);
  return Number.isNaN(wait) ? undefined : Math.min(MAX_RETRY_MS, Math.max(0, wait));
}
