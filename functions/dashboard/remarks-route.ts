/** What a person writes on the page to the agents of a task, or to stop their work. */

import { Hono } from "hono";
import { z } from "zod";
import type { Deps, Route, TaskDeps } from "../../shared/app/deps.ts";
import { createJsonReader } from "../../shared/http/limits.ts";
import { createCallContext } from "../../shared/tasks/call-context.ts";
import { findTask } from "../../shared/tasks/find-task.ts";
import { prepareMessage } from "../../shared/tasks/people/remarks.ts";

/** Passes a text on to the agents of a task as a comment does; `stop` ends their work, also while Plane is away. */
export const remarksRoute: Route = { path: "/api/tasks", access: "page", app };

const remarkSchema = z.strictObject({ text: z.string().trim().min(1).max(4_096) });

/** The name of a user of the page, who has authenticated with ADMIN_TOKEN. */
const PAGE_USER_NAME = "Admin (page)";

function app(deps: TaskDeps & Pick<Deps, "newId">): Hono {
  const readJson = createJsonReader(32_768);
  return new Hono().post("/:key/remarks", async (c) => {
    const { text } = await readJson(c, remarkSchema, { example: 'Send {"text": "stop"}.' });
    const correlation = c.get("correlation");
    const context = createCallContext(deps, { name: PAGE_USER_NAME, role: "human" }, correlation);
    const id = `page:${deps.newId()}`;
    for (;;) {
      const task = await findTask(context, c.req.param("key"));
      const message = { id, by: PAGE_USER_NAME, text };
      const { update, workers, isStop } = await prepareMessage(deps, task, message, correlation);
      const { afterCommit, ...commit } = update;
      if ((await deps.store.commit(commit)) !== "committed") continue;
      await afterCommit?.();
      deps.notify();
      return c.json({ key: task.key, agents: workers, stopped: isStop });
    }
  });
}
