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
import type { Reply } from "./request.ts";
import { id } from "./schema.ts";

/** Plane's window: what a 429 without a `Retry-After` is taken to ask for. */
const WINDOW = 60_000;

/** The longest wait that is believed: a slip of something in between must not hold a key for years. */
const DAY = 86_400_000;

/** The error that an answer of 400 or more is. */
export function refusal(operation: string, reply: Reply): PlaneError {
  const { status } = reply;
  const about = { operation, status };
  const spoken = spokenIn(reply.body);
  const words = spoken?.words ? `${status}: ${spoken.words}` : `${status}`;
  const retryAfter = retryAfterOf(reply);

  if (status === 429) {
    const wait = retryAfter ?? WINDOW;
    return new PlaneRateLimitedError(
      { ...about, retryAfter: wait },
      `Plane's rate limit is reached (${operation}, ${words}); it asks to wait ${Math.ceil(wait / 1000)} s.`,
    );
  }
  if (status >= 500 || status === 408 || status === 425)
    return new PlaneUnavailableError({ ...about, retryAfter }, `Plane could not answer ${operation} (${words}).`);
  if (status === 401 || (status === 403 && /api token is not valid/i.test(words)))
    return new PlaneAuthError(
      { ...about, reason: "key" },
      `Plane does not know who asks for ${operation} (${words}): the API key or the session is not valid.`,
    );
  if (status === 403)
    return new PlaneAuthError(
      { ...about, reason: "permission" },
      `Plane does not allow ${operation} (${words}): check the workspace's name and the role of the account.`,
    );
  // A proxy in front of a Plane that is down answers 404 too, in its own words; nothing is gone then.
  if (status === 404 && !spoken)
    return new PlaneUnavailableError(
      about,
      `Something in front of Plane answered ${operation} (404, not in Plane's form); check that Plane is up and its address is right.`,
    );
  if (status === 404 || status === 410) {
    const noRoute = spoken?.words === "Page not found.";
    return new PlaneNotFoundError(
      { ...about, noRoute },
      noRoute
        ? `This Plane has no route for ${operation} (${words}).`
        : `What ${operation} asks for is not in Plane (${words}).`,
    );
  }
  if (!spoken)
    return new PlaneUnexpectedError(
      about,
      `Plane refused ${operation} (${status}) without saying why in JSON; check its address and what stands in front of it.`,
    );
  if (status === 409)
    return new PlaneConflictError(
      { ...about, id: spoken.id },
      `Plane has what ${operation} would make already (${words}).`,
    );
  return new PlaneInvalidError({ ...about, fields: spoken.fields }, `Plane refused ${operation} (${words}).`);
}

interface Spoken {
  /** For people, on one line, at most 300 characters. */
  words: string;
  fields: Record<string, string[]>;
  id: string | undefined;
}

/** What Plane says in an error's body; undefined when it is not an object of JSON, so not Plane's. */
function spokenIn(body: string): Spoken | undefined {
  const value = parsed(body);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const general: string[] = [];
  const fields: [string, string[]][] = [];
  for (const [key, said] of Object.entries(value)) {
    const texts = textsIn(said);
    if (["error", "detail", "error_message", "message"].includes(key)) general.push(...texts);
    else if (key !== "id" && texts.length > 0) fields.push([key, texts]);
  }
  const words = [...general, ...fields.map(([field, texts]) => `${field}: ${texts.join(" ")}`)].join("; ");
  return {
    words: words.replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, " ").slice(0, 300),
    fields: Object.fromEntries(fields),
    id: "id" in value ? id.safeParse(value.id).data : undefined,
  };
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function textsIn(said: unknown): string[] {
  if (typeof said === "string") return [said];
  if (typeof said === "object" && said !== null) return Object.values(said).flatMap(textsIn);
  return [];
}

/** Milliseconds; `Retry-After` is in whole seconds or an HTTP date, and a date is compared with Plane's own clock. */
function retryAfterOf(reply: Reply): number | undefined {
  const text = reply.headers.get("retry-after")?.trim() ?? "";
  const seconds = /^\d+$/.test(text);
  if (!seconds && !/ GMT$/.test(text)) return undefined;
  const wait = seconds ? Number(text) * 1000 : Date.parse(text) - Date.parse(reply.date);
  return Number.isNaN(wait) ? undefined : Math.min(DAY, Math.max(0, wait));
}
