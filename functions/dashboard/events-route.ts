import { Hono } from "hono";
import type { Deps, Route } from "../../shared/app/deps.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import { STREAM_HEADERS } from "../../shared/http/stream-headers.ts";
import { createEventStreams } from "./event-streams.ts";

/** Server-sent events that signal a change with a revision; the page then fetches what it shows. */
export const eventsRoute: Route = { path: "/api/events", access: "page", app };

function app(deps: Pick<Deps, "store" | "storeHealth" | "clock" | "wait" | "stopping">): Hono {
  const streams = createEventStreams(deps);
  return new Hono().get("/", (c) => {
    // Hono answers HEAD as GET without its body, so the stream would never be read and its place never released.
    if (c.req.method === "HEAD") return c.body(null, 200, STREAM_HEADERS);
    const body = streams.open();
    if (!body) {
      c.header("Retry-After", "10");
      const message = `Too many open pages (${streams.size}). Close one, or try again later.`;
      throw new GroundcrewError("unavailable", message);
    }
    return c.body(body, 200, STREAM_HEADERS);
  });
}
