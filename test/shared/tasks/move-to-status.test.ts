import { expect, test } from "vitest";
import { createStatusFields } from "../../../shared/tasks/change-task.ts";
import { findStoredTask } from "../../../shared/tasks/find-task.ts";
import { createAgentTestApp } from "../../support/agent-test-app.ts";

async function createStatesApp(options: Parameters<typeof createAgentTestApp>[0] = {}) {
  const app = await createAgentTestApp(options);
  const item = app.addTask("Write the guide");
  await app.runFirstPoll();
  const task = async () => {
    const stored = await findStoredTask(app.deps, item.id);
    if (!stored) throw new Error("not kept");
    return stored;
  };
  /** The name of the state in the fields. */
  const stateIn = async (status: Parameters<typeof createStatusFields>[2]) => {
    const { state } = await createStatusFields(app.deps, await task(), status);
    return app.plane.states(app.onb).find(({ id }) => id === state)?.name;
  };
  return { app, item, task, stateIn };
}

test("each status has its state: unstarted before backlog, and no Blocked state for work in progress", async () => {
  const { app, item, stateIn } = await createStatesApp();
  app.plane.addState(app.onb, { name: "Blocked", group: "started" });
  app.plane.editItem(item, { state: "Done" });
  await app.poll();
  expect(await stateIn("todo")).toBe("Todo");
  expect(await stateIn("in_progress")).toBe("In Progress");
  expect(await stateIn("blocked")).toBe("Blocked");
  expect(await stateIn("cancelled")).toBe("Cancelled");
  expect(await stateIn("done")).toBeUndefined();
});

test("the setting decides in its order which state stands for a status", async () => {
  const states = { in_progress: ["Doing", "In Progress"], blocked: ["On hold"] };
  const { app, stateIn } = await createStatesApp({ config: { states } });
  app.plane.addState(app.onb, { name: "On hold", group: "started" });
  app.plane.addState(app.onb, { name: "Doing", group: "unstarted" });
  expect(await stateIn("in_progress")).toBe("Doing");
  expect(await stateIn("blocked")).toBe("On hold");
});
