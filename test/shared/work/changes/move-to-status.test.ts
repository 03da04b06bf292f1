import { expect, test } from "vitest";
import { createStatusFields, moveToStatus } from "../../../../shared/work/changes/move-to-status.ts";
import { findKeptTask } from "../../../../shared/work/tasks/find-task.ts";
import { createAgentTestApp } from "../../../support/agent-test-app.ts";

async function createStatesApp(options: Parameters<typeof createAgentTestApp>[0] = {}) {
  const crew = await createAgentTestApp(options);
  const item = crew.addTask("Write the guide");
  await crew.runFirstPoll();
  const task = async () => {
    const kept = await findKeptTask(crew.deps, item.id);
    if (!kept) throw new Error("not kept");
    return kept;
  };
  /** The name of the state in the fields. */
  const stateIn = async (word: Parameters<typeof createStatusFields>[2]) => {
    const { state } = await createStatusFields(crew.deps, await task(), word);
    return crew.plane.states(crew.onb).find(({ id }) => id === state)?.name;
  };
  return { crew, item, task, stateIn };
}

test("each status has its state: unstarted before backlog, and no Blocked state for work in progress", async () => {
  const { crew, item, stateIn } = await createStatesApp();
  crew.plane.addState(crew.onb, { name: "Blocked", group: "started" });
  crew.plane.editItem(item, { state: "Done" });
  await crew.poll();
  expect(await stateIn("todo")).toBe("Todo");
  expect(await stateIn("in_progress")).toBe("In Progress");
  expect(await stateIn("blocked")).toBe("Blocked");
  expect(await stateIn("cancelled")).toBe("Cancelled");
  expect(await stateIn("done")).toBeUndefined();
});

test("a state that already means the status stays", async () => {
  const { crew, item, task } = await createStatesApp();
  crew.plane.editItem(item, { state: "Backlog" });
  await crew.poll();
  expect(await createStatusFields(crew.deps, await task(), "todo")).toEqual({});
});

test("the setting decides in its order which state stands for a status", async () => {
  const states = { in_progress: ["Doing", "In Progress"], blocked: ["On hold"] };
  const { crew, stateIn } = await createStatesApp({ config: { states } });
  crew.plane.addState(crew.onb, { name: "On hold", group: "started" });
  crew.plane.addState(crew.onb, { name: "Doing", group: "unstarted" });
  expect(await stateIn("in_progress")).toBe("Doing");
  expect(await stateIn("blocked")).toBe("On hold");
});

test("a missing state is found as soon as people have added it", async () => {
  const { crew, stateIn } = await createStatesApp({ config: { states: { todo: ["Todo", "Cancelled"] } } });
  await expect(stateIn("cancelled")).rejects.toThrow("No state of Onboarding in Plane means cancelled");
  crew.plane.addState(crew.onb, { name: "Dropped", group: "cancelled" });
  expect(await stateIn("cancelled")).toBe("Dropped");
});

test("the states and labels of a project are listed once", async () => {
  const { crew, task } = await createStatesApp();
  const asked = await crew.recordRequests(async () => {
    await createStatusFields(crew.deps, await task(), "in_progress");
    await createStatusFields(crew.deps, await task(), "blocked");
    await createStatusFields(crew.deps, await task(), "blocked");
    await createStatusFields(crew.deps, await task(), "cancelled");
  });
  expect(asked).toEqual(["GET states", "GET labels", "POST labels"]);
});

test("a label that somebody has created meanwhile is used, not created twice", async () => {
  const { crew, task } = await createStatesApp();
  await createStatusFields(crew.deps, await task(), "todo", { add: ["other"] });
  crew.plane.addLabel(crew.onb, "blocked");
  const { labels } = await createStatusFields(crew.deps, await task(), "blocked");
  expect(labels).toEqual([crew.plane.labels(crew.onb).find(({ name }) => name === "blocked")?.id]);
  expect(crew.plane.labels(crew.onb).filter(({ name }) => name === "blocked")).toHaveLength(1);
});

test("a task in a state that the setting names is still blocked by its label", async () => {
  const { crew, item, task } = await createStatesApp({ config: { states: { todo: ["Backlog"] } } });
  await moveToStatus(crew.createContext("Ada"), await task(), "blocked");
  expect((await crew.readItem(item))?.snapshot.word).toBe("blocked");
});
