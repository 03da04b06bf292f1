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

test("a state that already means the status stays", async () => {
  const { app, item, task } = await createStatesApp();
  app.plane.editItem(item, { state: "Backlog" });
  await app.poll();
  expect(await createStatusFields(app.deps, await task(), "todo")).toEqual({});
});

test("the setting decides in its order which state stands for a status", async () => {
  const states = { in_progress: ["Doing", "In Progress"], blocked: ["On hold"] };
  const { app, stateIn } = await createStatesApp({ config: { states } });
  app.plane.addState(app.onb, { name: "On hold", group: "started" });
  app.plane.addState(app.onb, { name: "Doing", group: "unstarted" });
  expect(await stateIn("in_progress")).toBe("Doing");
  expect(await stateIn("blocked")).toBe("On hold");
});

test("a missing state is found as soon as people have added it", async () => {
  const { app, stateIn } = await createStatesApp({ config: { states: { todo: ["Todo", "Cancelled"] } } });
  await expect(stateIn("cancelled")).rejects.toThrow("No state of Onboarding in Plane means cancelled");
  app.plane.addState(app.onb, { name: "Dropped", group: "cancelled" });
  expect(await stateIn("cancelled")).toBe("Dropped");
});

test("the states and labels of a project are listed once", async () => {
  const { app, task } = await createStatesApp();
  const asked = await app.recordRequests(async () => {
    await createStatusFields(app.deps, await task(), "in_progress");
    await createStatusFields(app.deps, await task(), "blocked");
    await createStatusFields(app.deps, await task(), "blocked");
    await createStatusFields(app.deps, await task(), "cancelled");
  });
  expect(asked).toEqual(["GET states", "GET labels", "POST labels"]);
});

test("a label that was created concurrently is used, not created twice", async () => {
  const { app, task } = await createStatesApp();
  await createStatusFields(app.deps, await task(), "todo", { add: ["other"] });
  app.plane.addLabel(app.onb, "blocked");
  const { labels } = await createStatusFields(app.deps, await task(), "blocked");
  expect(labels).toEqual([app.plane.labels(app.onb).find(({ name }) => name === "blocked")?.id]);
  expect(app.plane.labels(app.onb).filter(({ name }) => name === "blocked")).toHaveLength(1);
});
