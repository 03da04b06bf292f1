import { Hono } from "hono";
import type { Deps, Route } from "../shared/app/deps.ts";
import { GroundcrewError } from "../shared/errors.ts";

/** MONITOR-03: all metrics in the Prometheus text format. */
export const metricsRoute: Route = { path: "/metrics", access: "admin", app };

function app({ scrape }: Pick<Deps, "scrape">): Hono {
  return new Hono().get("/", async (c) => {
    if (!scrape) throw new GroundcrewError("not_found", "This host does not expose metrics.");
    const { type, text } = await scrape();
    return c.body(text, 200, { "Content-Type": type });
  });
}
