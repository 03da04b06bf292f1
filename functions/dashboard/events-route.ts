import { Hono } from "hono";
import type { Deps, Route } from "../../shared/app/deps.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import { createEventStreams } from "./event-streams.ts";

/** Server-sent events: "something changed", with a revision. The page then fetches what it shows. */
export const eventsRoute: Route = { path: "/api/events", access: "page", app };

function app(deps: Pick<Deps, "store" | "clock" | "wait" | "stopping">): Hono {
  const streams = createEventStreams(deps);
  return new Hono().get("/", (c) => {
    const body = streams.open();
    if (!body) {
      c.header("Retry-After", "10");
      const message = `There are ${streams.size} pages listening already. Close one, or look again later.`;
      throw new GroundcrewError("unavailable", message);
    }
    // Proxies must not gather what is said.
    return c.body(body, 200, { "Content-Type": "text/event-stream", "X-Accel-Buffering": "no" });
  });
}
