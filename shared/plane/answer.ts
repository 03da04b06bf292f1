import type { z } from "zod";
import type { Answer, Endpoint } from "./client.ts";
import { type PlaneError, PlaneUnavailableError, PlaneUnexpectedError } from "./errors.ts";
import { refusal } from "./refusal.ts";
import type { Reply } from "./request.ts";

/**
 * What the endpoint's schema makes of a reply. The schema sees the JSON of the body, undefined for an empty one,
 * and `{ location }` for a redirect. Throws the PlaneError that the reply is.
 */
export function answerOf<A>(endpoint: Pick<Endpoint<A>, "operation" | "answer">, reply: Reply): Answer<A> {
  const { operation, answer } = endpoint;
  if (reply.status >= 400) throw refusal(operation, reply);
  const parsed = answer.safeParse(bodyOf(operation, reply));
  if (!parsed.success) throw misfit(operation, reply, parsed.error);
  return { data: parsed.data, date: reply.date };
}

function bodyOf(operation: string, reply: Reply): unknown {
  if (isRedirect(reply)) return { location: reply.headers.get("location") ?? "" };
  if (reply.body === "") return undefined;
  try {
    return JSON.parse(reply.body);
  } catch {
    const what = /^\s*</.test(reply.body) ? "a page instead of JSON" : "JSON that is broken or cut off";
    throw new PlaneUnavailableError(
      { operation, status: reply.status },
      `Plane answered ${operation} with ${what} (${reply.status}); if it stays so, check that its address is right.`,
    );
  }
}

function misfit(operation: string, reply: Reply, error: z.ZodError): PlaneError {
  const about = { operation, status: reply.status };
  if (isRedirect(reply)) {
    const to = originOf(reply.headers.get("location"));
    return new PlaneUnexpectedError(
      about,
      `Plane redirects ${operation} to ${to} (${reply.status}); set its address to where it really is.`,
    );
  }
  if (reply.body === "" && reply.status !== 204)
    return new PlaneUnavailableError(about, `Plane answered ${operation} with nothing (${reply.status}).`);
  const places = error.issues.slice(0, 3).map((issue) => `${issue.path.join(".") || "the answer"}: ${issue.message}`);
  return new PlaneUnexpectedError(
    about,
    `Plane's answer to ${operation} is not in the known form (${places.join("; ")}); this version of Plane may not be supported.`,
  );
}

function isRedirect(reply: Reply): boolean {
  return reply.status >= 300 && reply.status < 400;
}

/** Without the path and the query, which may hold a signature. */
function originOf(location: string | null): string {
  return location && URL.canParse(location) ? new URL(location).origin : "another path";
}
