import { Hono } from "hono";
import type { Deps, Route } from "../../shared/app/deps.ts";
import { shortenHolds } from "../../shared/app/long-holds.ts";
import { GroundcrewError } from "../../shared/errors.ts";

/** Ends the holds by a system's rate limit: one request is sent, and when it succeeds, all others follow. */
export const holdsRoute: Route = { path: "/api/holds", access: "page", app };

function app({ store, kick, requestPoll, log }: Pick<Deps, "store" | "kick" | "requestPoll" | "log">): Hono {
  return new Hono().delete("/:system", async (c) => {
    const system = c.req.param("system");
    if (system !== "plane" && system !== "telegram")
      throw new GroundcrewError("not_found", "Unknown system. Systems with rate limits: plane, telegram.");
    const ended = await shortenHolds(store, system, 0);
    if (ended === 0)
      throw new GroundcrewError("not_found", `Nothing is held by a rate limit of ${system}.`, {
        refusal: { name: "noHold", values: { system } },
      });
    log.info("rate limit hold ended by an operator", { system, holds: ended });
    kick();
    // A poll sends the probe at once, even when no job waits for Plane.
    if (system === "plane") requestPoll("a rate limit hold was ended");
    return c.json({ ended });
  });
}
