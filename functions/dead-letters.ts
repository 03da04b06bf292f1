import { zValidator } from "@hono/zod-validator";
import { type Context, Hono } from "hono";
import { z } from "zod";
import type { Deps, Route } from "../shared/app/deps.ts";
import { cleanText } from "../shared/clean-text.ts";
import { GroundcrewError } from "../shared/errors.ts";
import type { Json } from "../shared/json.ts";
import { omitUndefined } from "../shared/omit-undefined.ts";
import { createDiscardedJobPut } from "../shared/outgoing/discarded-job.ts";
import { QUEUES } from "../shared/store/job-operations.ts";
import { taskKeySchema } from "../shared/task-key.ts";

/**
 * Lists jobs that failed permanently with their reasons, requeues and discards them. Of bodies only the task's key is
 * shown: they contain texts of people.
 */
export const deadLettersRoute: Route = { path: "/dead-letters", access: "page", app };

const deadLetterParamsSchema = z.object({ queue: z.enum(QUEUES), id: z.string() });

const taskBodySchema = z.object({
  facts: z.object({ item: z.object({ key: taskKeySchema }) }),
});

/** Finds the key of the task that a job of an event is about. */
function findTaskKey(body: Json): string | undefined {
  return taskBodySchema.safeParse(body).data?.facts.item.key;
}

function createNotFoundError() {
  return new GroundcrewError(
    "not_found",
    "There is no dead letter with this queue and id. It may have been requeued or discarded already.",
    { refusal: { name: "failedJobGone" } },
  );
}

function throwUnlessValid(result: { success: boolean }) {
  if (!result.success) throw createNotFoundError();
}

/** People share ADMIN_TOKEN and have no names here, so a log line names the way and the address a request came from. */
function getRequester(c: Context) {
  const by = c.req.header("authorization") === undefined ? "page" : "ADMIN_TOKEN";
  return { correlation: c.get("correlation"), by, client: c.get("client") };
}

function app({ store, kick, log, clock }: Pick<Deps, "store" | "kick" | "log" | "clock">): Hono {
  return new Hono()
    .get("/", async (c) => {
      const queues = await Promise.all(QUEUES.map((queue) => store.listDeadJobs(queue)));
      const dead_letters = queues.flat().map(({ queue, id, reason, at, body }) => ({
        queue,
        id,
        reason: cleanText(reason, 4_000),
        at: new Date(at).toISOString(),
        ...omitUndefined({ task: findTaskKey(body) }),
      }));
      return c.json({ dead_letters });
    })
    .post("/:queue/:id/replay", zValidator("param", deadLetterParamsSchema, throwUnlessValid), async (c) => {
      const { queue, id } = c.req.valid("param");
      if (!(await store.replay(queue, id))) throw createNotFoundError();
      log.info("failed job requeued", { ...getRequester(c), queue, id });
      kick();
      return c.json({ ok: true });
    })
    .delete("/:queue/:id", zValidator("param", deadLetterParamsSchema, throwUnlessValid), async (c) => {
      const { queue, id } = c.req.valid("param");
      if (!(await store.discard(queue, id))) throw createNotFoundError();
      await store.commit({ put: [createDiscardedJobPut(queue, id, clock())] });
      log.info("failed job discarded", { ...getRequester(c), queue, id });
      return c.json({ ok: true });
    });
}
