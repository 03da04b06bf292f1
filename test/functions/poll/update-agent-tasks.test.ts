import { expect, test } from "vitest";
import type { AgentTasksRecord } from "../../../functions/poll/poll-tick.ts";
import { observedKeys } from "../../../shared/records/store-keys.ts";
import { MINUTE } from "../../../shared/time.ts";
import { createTestApp } from "../../support/test-app.ts";

const AGENTS = [
  { name: "thot", email: "Thot@javisi.local.test" },
  { name: "imhotep", email: "imhotep@javisi.local.test" },
];

async function createAppWithAgents() {
  const app = await createTestApp({ agents: AGENTS });
  const { plane } = app;
  const thot = app.addPerson("Thot");
  const imhotep = app.addPerson("Imhotep");
  const project = app.addProject();
  const tasksOf = async (name: string) =>
    (await app.store.read<AgentTasksRecord>([observedKeys.agent(name)]))[0]?.value.tasks;
  return { app, plane, project, thot, imhotep, tasksOf };
}

test("an agent has the open tasks assigned to its account, since the tick that found them", async () => {
  const { app, plane, project, thot, tasksOf } = await createAppWithAgents();
  const old = plane.addItem(project, { name: "Old", assignees: [thot] });
  app.advance(MINUTE);
  const first = app.time.now;
  expect(await app.poll()).toMatchObject({ assigned: 1, new: 1 });
  app.advance(5 * MINUTE);
  const second = app.time.now;
  const next = plane.addItem(project, { name: "New", assignees: [thot] });
  expect(await app.poll()).toMatchObject({ assigned: 2, new: 1 });
  expect(await tasksOf("thot")).toEqual({ [old.id]: first, [next.id]: second });
  expect(await tasksOf("imhotep")).toEqual({});
  plane.editItem(old, { state: "Done" });
  expect(await app.poll()).toMatchObject({ assigned: 1, new: 0 });
  expect(await tasksOf("thot")).toEqual({ [next.id]: second });
});

test("without an agent among the assignees a label agent:<name> counts; with one it does not", async () => {
  const { app, plane, project, thot, imhotep, tasksOf } = await createAppWithAgents();
  const label = plane.addLabel(project, "agent:Imhotep");
  const labelled = plane.addItem(project, { name: "One", labels: [label], assignees: [app.human] });
  const assigned = plane.addItem(project, { name: "Two", labels: [label], assignees: [thot] });
  const shared = plane.addItem(project, { name: "Three", assignees: [thot, imhotep] });
  await app.poll();
  expect(Object.keys((await tasksOf("imhotep")) ?? {}).sort()).toEqual([labelled.id, shared.id].sort());
  expect(Object.keys((await tasksOf("thot")) ?? {}).sort()).toEqual([assigned.id, shared.id].sort());
});

test("tasks of archived or removed projects belong to no agent, and a tick without changes sends no request beyond the pass", async () => {
  const { app, plane, project, thot, tasksOf } = await createAppWithAgents();
  const other = app.addProject("Second", "SEC");
  plane.addItem(other, { name: "Put away", assignees: [thot] });
  const removedItem = plane.addItem(project, { name: "Removed", assignees: [thot] });
  await app.poll();
  await app.runUntilIdle();
  expect(Object.keys((await tasksOf("thot")) ?? {})).toHaveLength(2);
  expect(await app.recordRequests(() => app.poll())).toHaveLength(3);
  plane.archiveProject(other);
  plane.deleteItem(removedItem);
  await app.poll();
  expect(await tasksOf("thot")).toEqual({});
});
