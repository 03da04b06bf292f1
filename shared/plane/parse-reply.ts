import type { z } from "zod";
import { formatSchemaIssues } from "../format-schema-issues.ts";
import type { Endpoint, PlaneAnswer } from "./client.ts";
import { type PlaneError, PlaneUnavailableError, PlaneUnexpectedError } from "./errors.ts";
import type { PlaneReply } from "./request.ts";
import { toPlaneError } from "./to-plane-error.ts";

/**
 * Parses a reply with the endpoint's schema. The schema receives the JSON of the body, undefined for an empty body, and
 * `{ location }` for a redirect. Throws a PlaneError for an error status and for an answer that the schema refuses.
 */
export function parseReply<A>(endpoint: Pick<Endpoint<A>, "operation" | "answer">, reply: PlaneReply): PlaneAnswer<A> {
  const { operation, answer } = endpoint;
  if (reply.status >= 400) throw toPlaneError(operation, reply);
  const parsed = answer.safeParse(parseBody(operation, reply));
  if (!parsed.success) throw createMismatchError(operation, reply, parsed.error);
  return { data: parsed.data, date: reply.date };
}

function parseBody(operation: string, reply: PlaneReply): unknown {
  if (isRedirect(reply)) return { location: reply.headers.get("location") ?? "" };
  if (reply.body === "") return undefined;
  try {
    return JSON.parse(reply.body);
  } catch {
    const problem = /^\s*</.test(reply.body) ? "a page instead of JSON" : "JSON that is broken or truncated";
    throw new PlaneUnavailableError(
      { operation, status: reply.status },
      `Plane answered ${operation} with ${problem} (${reply.status}); if this persists, check that its address is correct.`,
    );
  }
}

function createMismatchError(operation: string, reply: PlaneReply, error: z.ZodError): PlaneError {
  const context = { operation, status: reply.status };
  if (isRedirect(reply)) {
    const target = formatOrigin(reply.headers.get("location"));
    return new PlaneUnexpectedError(
      context,
      `Plane redirects ${operation} to ${target} (${reply.status}); set its address to the final one.`,
    );
  }
  if (reply.body === "" && reply.status !== 204)
    return new PlaneUnavailableError(context, `Plane answered ${operation} with an empty body (${reply.status}).`);
  return new PlaneUnexpectedError(
    context,
    `Plane's answer to ${operation} has an unknown form (${formatSchemaIssues(error, "the answer")}); this version of Plane may not be supported.`,
  );
}

function isRedirect(reply: PlaneReply): boolean {
  return reply.status >= 300 && reply.status < 400;
}

/** Omits the path and the query, which may contain a signature. */
function formatOrigin(location: string | null): string {
  return location && URL.canParse(location) ? new URL(location).origin : "another path";
}
