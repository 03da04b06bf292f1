import { type Context, Hono } from "hono";
import type { Deps, Route } from "../../shared/app/deps.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import { createPageSessions } from "../../shared/http/page-sessions.ts";
import { createSessionCookie } from "../../shared/http/session-cookie.ts";
import { STREAM_HEADERS } from "../../shared/http/stream-headers.ts";
import { getTicket } from "../../shared/tickets/change-ticket.ts";
import { createTerminalStreams } from "./terminal-streams.ts";
import { readTicketKey } from "./ticket-input.ts";

/** Server-sent events with the pictures of a session's terminal. While one is open, the runner sends pictures. */
export const terminalStreamRoute: Route = { path: "/api/terminals", access: "page", app };

function app(deps: Deps): Hono {
  const streams = createTerminalStreams(deps);
  const cookie = createSessionCookie(deps.settings);
  const sessions = createPageSessions(deps.store, deps.settings);

  /** A reader that came by a session of the page may read while that is open; other access ends with the process. */
  async function createAccessTest(c: Context): Promise<() => Promise<boolean>> {
    const session = cookie.read(c);
    const isBySession = session !== undefined && (await sessions.isOpen(session));
    return isBySession ? () => sessions.isOpen(session) : async () => true;
  }

  return new Hono().get("/:ticket", async (c) => {
    const { key } = await getTicket(deps, readTicketKey(c));
    // Hono answers HEAD as GET without its body, so the stream would never be read and its place never released.
    if (c.req.method === "HEAD") return c.body(null, 200, STREAM_HEADERS);
    const body = streams.open(key, await createAccessTest(c));
    if (!body) {
      c.header("Retry-After", "10");
      throw new GroundcrewError("unavailable", `Too many open terminals (${streams.size}). Close one, or try later.`);
    }
    return c.body(body, 200, STREAM_HEADERS);
  });
}
