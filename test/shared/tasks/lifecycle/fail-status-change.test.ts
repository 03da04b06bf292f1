import { expect, test } from "vitest";
import { createAgentTestApp } from "../../../support/agent-test-app.ts";

const FORBIDDEN = { status: 403, body: JSON.stringify({ detail: "You do not have permission." }) };
const INVALID = { status: 400, body: JSON.stringify({ state: ["Not valid."] }) };

/** An app with a task in progress; from `refuse` on Plane refuses Imhotep's requests of this kind for good. */
async function createStartedTask() {
  const app = await createAgentTestApp();
  const item = app.addTask("Write the guide", "Imhotep");
  await app.runFirstPoll();
  const start = () => app.actAs("Imhotep").setStatus("ONB-1", { status: "in_progress" });
  await start();
  await app.runUntilIdle();
  return {
    ...{ app, item, start },
    refuse: (match: { method?: string; path: string }, fault = FORBIDDEN, owner = [app.getUser("Imhotep")]) =>
      app.plane.faults.add({ ...match, ...(owner[0] ? { owner: owner[0] } : {}) }, { kind: "status", ...fault }),
    finish: () => app.actAs("Imhotep").setStatus("ONB-1", { status: "done", text: "Ready." }),
    getFailures: () => app.actions.flatMap(({ event }) => (event.kind === "failed" ? [event] : [])),
    getComments: (text: string) => app.readComments(item).filter((comment) => comment.includes(text)),
  };
}

type StartedTask = Awaited<ReturnType<typeof createStartedTask>>;

const WRITES: Record<string, { path: string; code: string; run: (task: StartedTask) => Promise<unknown> }> = {
  "status change": { path: "work-items", code: "statusNotSet", run: ({ finish }) => finish() },
  comment: {
    path: "comments",
    code: "commentNotPosted",
    run: ({ app }) => app.actAs("Imhotep").comment("ONB-1", { text: "Half of it" }),
  },
  upload: {
    path: "attachments",
    code: "fileNotAttached",
    run: ({ app }) => app.actAs("Imhotep").deliver({ task: "ONB-1", name: "a.pdf", file: new Blob(["%PDF-1.4"]) }),
  },
};

test.each(Object.entries(WRITES))("OPENCLAW-15 a %s refused for good blocks", async (kind, { path, code, run }) => {
  const task = await createStartedTask();
  const { app, item } = task;
  const method = kind === "status change" ? "PATCH" : "POST";
  task.refuse({ method, path });
  // Groundcrew's own key is tried as well.
  if (kind === "upload") task.refuse({ method, path }, INVALID, []);
  await expect(run(task)).rejects.toThrow(/The task is blocked now.*Do not retry/);
  await app.runUntilIdle();
  expect((await app.readItem(item))?.snapshot.status).toBe("blocked");
  expect(task.getFailures()).toMatchObject([{ agent: "Imhotep", refusal: { name: code } }]);
  expect(task.getComments("<strong>Blocked</strong>")).toHaveLength(1);
  expect(app.logged).toContainEqual(expect.objectContaining({ level: "error", item: "ONB-1", agent: "Imhotep" }));
  app.plane.faults.clear();
  expect(await task.start()).toMatchObject({ status: "in_progress", heldUntil: expect.any(Number) });
  await run(task);
});

test("when Groundcrew may not block the task either, the human is notified once and the agent's call is refused with the reason", async () => {
  const { app, item, refuse, finish, getFailures } = await createStartedTask();
  refuse({ method: "PATCH", path: "work-items" }, FORBIDDEN, []);
  await expect(finish()).rejects.toMatchObject({ message: expect.stringContaining("could not be blocked") });
  await expect(finish()).rejects.toMatchObject({ code: "forbidden" });
  await app.runUntilIdle();
  expect(app.readPlaneItem(item).state).toBe("In Progress");
  expect(getFailures()).toHaveLength(1);
});
