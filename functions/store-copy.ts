import { Hono } from "hono";
import type { Deps, Route } from "../shared/app/deps.ts";
import { GroundcrewError } from "../shared/errors.ts";

/**
 * Writes a copy of the embedded store beside it, for `groundcrew backup` on the same machine: only this process can read
 * a file that it has open. The answer is the copy's name; its content never leaves the machine here.
 */
export const storeCopyRoute: Route = { path: "/api/store-copy", access: "admin", app };

function app({ store, log }: Pick<Deps, "store" | "log">): Hono {
  return new Hono().post("/", async (c) => {
    if (!store.saveCopy) throw new GroundcrewError("not_found", "This store has no file that can be copied.");
    const file = await store.saveCopy();
    log.info("store copied for a backup", { file });
    return c.json({ file });
  });
}
