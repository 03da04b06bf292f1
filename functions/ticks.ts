import { Hono } from "hono";
import type { Deps, Route } from "../shared/app/deps.ts";
import { GroundcrewError, getErrorMessage } from "../shared/errors.ts";

/** Runs a tick on demand, for hosts with their own cron; responds when the tick has finished. */
export const ticksRoute: Route = { path: "/ticks", access: "tick", app };

function app({ ticks }: Pick<Deps, "ticks">): Hono {
  return new Hono().post("/:name", async (c) => {
    const name = c.req.param("name");
    if (!ticks.names.includes(name))
      throw new GroundcrewError("not_found", `Unknown tick. Available ticks: ${ticks.names.join(", ")}.`);
    const { ms, counts } = await ticks.runNow(name).catch((cause: unknown) => {
      throw new GroundcrewError("unavailable", `The tick ${name} failed: ${getErrorMessage(cause)}`, { cause });
    });
    return c.json({ ...counts, name, ms });
  });
}
