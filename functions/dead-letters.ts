import { zValidator } from "@hono/zod-validator";
import { Hono } from "hono";
import { z } from "zod";
import type { Deps, Route } from "../shared/app/deps.ts";
import { GroundcrewError } from "../shared/errors.ts";
import { QUEUES } from "../shared/store/port.ts";

/**
 * Lists jobs that failed permanently with their reasons, and requeues them. Bodies are omitted: they contain texts of
 * people.
 */
export const deadLettersRoute: Route = { path: "/dead-letters", access: "admin", app };

const deadLetterParamsSchema = z.object({ queue: z.enum(QUEUES), id: z.string() });

function createNotFoundError() {
  return new GroundcrewError(
    "not_found",
    "There is no dead letter with this queue and id. It may have been requeued already.",
  );
}

function throwUnlessValid(result: { success: boolean }) {
  if (!result.success) throw createNotFoundError();
}

function app({ store, kick }: Pick<Deps, "store" | "kick">): Hono {
  return new Hono()
    .get("/", async (c) => {
      const queues = await Promise.all(QUEUES.map((queue) => store.listDeadJobs(queue)));
      const dead_letters = queues
        .flat()
        .map(({ queue, id, reason, at }) => ({ queue, id, reason, at: new Date(at).toISOString() }));
      return c.json({ dead_letters });
    })
    .post("/:queue/:id/replay", zValidator("param", deadLetterParamsSchema, throwUnlessValid), async (c) => {
      const { queue, id } = c.req.valid("param");
      if (!(await store.replay(queue, id))) throw createNotFoundError();
      kick();
      return c.json({ ok: true });
    });
}
