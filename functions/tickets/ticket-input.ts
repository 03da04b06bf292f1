import type { Context } from "hono";
import type { z } from "zod";
import { GroundcrewError } from "../../shared/errors.ts";
import { createBodyReader } from "../../shared/http/body-reader.ts";
import { parseJsonBody } from "../../shared/http/json-body.ts";
import { PlaneError } from "../../shared/plane/errors.ts";
import { toPlaneRefusal } from "../../shared/refusals/render-refusal.ts";
import { requireTicketKey } from "../../shared/tickets/require-ticket-key.ts";

/** Limit of a request's body in bytes: 256 KB, enough for a long description. */
const BODY_LIMIT_BYTES = 256 * 1024;

/** Reads the key of a ticket from the path. */
export function readTicketKey(c: Context): string {
  return requireTicketKey(c.req.param("ticket") ?? "").key;
}

/** Who made a request. People share ADMIN_TOKEN and the page, so these name the way it came. */
export function getRequester(c: Context): string {
  return c.req.header("authorization") === undefined ? "page" : "API";
}

/**
 * Creates a reader of JSON bodies; an empty one counts as `{}`. Throws `unsupported_type` without JSON's Content-Type, and
 * `bad_request` with the field that is wrong.
 * @param limit of a body in bytes
 */
export function createJsonReader(limit = BODY_LIMIT_BYTES) {
  const readBody = createBodyReader(limit);
  return async <T>(c: Context, schema: z.ZodType<T>): Promise<T> => {
    const bytes = await readBody(c.req.raw, { source: c.get("client") });
    const parsed = schema.safeParse(parseJsonBody(bytes, c.req.header("content-type")));
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    const where = issue?.path.map(String).join(".");
    throw new GroundcrewError("bad_request", `The body is not valid${where ? ` at ${where}` : ""}: ${issue?.message}.`);
  };
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
