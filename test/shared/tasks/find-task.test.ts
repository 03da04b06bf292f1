import { expect, test } from "vitest";
import { findTask } from "../../../shared/tasks/find-task.ts";
import { createAgentTaskApp, createAgentTestApp } from "../../support/agent-test-app.ts";

test("a task is found by its key in any case, also with letters outside ASCII, and by its id, without a request to Plane", async () => {
  const app = await createAgentTestApp();
  const item = app.addTask("Write it down", "Thot");
  const project = app.plane.addProject({ name: "Öko", identifier: "ÖKO_2" });
  const other = app.addTask("Write it down", "Thot", {}, project);
  await app.runFirstPoll();
  const find = async (name: string) => (await findTask(app.createContext("Thot"), name)).id;
  const asked = await app.recordRequests(async () => {
    for (const name of ["ONB-1", " onb-1 ", item.id, item.id.toUpperCase()]) expect(await find(name)).toBe(item.id);
    expect(await find("öko_2-1")).toBe(other.id);
  });
  expect(asked).toEqual([]);
});

test("the tasks of an archived project are not listed and cannot be claimed", async () => {
  const { app } = await createAgentTaskApp("Thot");
  app.plane.archiveProject(app.onb);
  await app.poll();
  expect((await app.actAs("Thot").list({})).tasks).toEqual([]);
  const message = expect.stringContaining("The project of ONB-1 was archived");
  await expect(app.actAs("Thot").claim("ONB-1")).rejects.toMatchObject({ code: "not_found", message });
});

test("a read that an older observation overtakes is repeated, so that an agent cannot start what was just taken from it", async () => {
  const { app, item: task } = await createAgentTaskApp("Thot");
  app.plane.editItem(task, { name: "Handbook" });
  app.advance(1_000);
  app.plane.editItem(task, { assignees: [app.getUser("Imhotep")] });
  app.plane.faults.beforeRequest(async ({ path }) => {
    if (!path.includes(task.id)) return;
    app.plane.faults.beforeRequest(undefined);
    await app.deliverWebhooks(1);
  });
  await expect(app.actAs("Thot").setStatus("ONB-1", { status: "in_progress" })).rejects.toThrow("Imhotep");
});

test("a key that a deleted project had as well is that of the project that still exists", async () => {
  const { app } = await createAgentTaskApp("Thot");
  app.plane.deleteProject(app.onb);
  for (let i = 0; i < 2; i += 1) await app.pollUntilIdle();
  const next = app.plane.addProject({ name: "New", identifier: "ONB" });
  const item = app.addTask("New", "Thot", {}, next);
  await app.pollUntilIdle();
  expect((await findTask(app.createContext("Thot"), "ONB-1")).id).toBe(item.id);
});

test("a task whose deletion only the call of its agent has shown leaves the agent's list", async () => {
  const { app, item } = await createAgentTaskApp("Thot");
  app.plane.deleteItem(item);
  app.dropWebhooks();
  const start = app.actAs("Thot").setStatus("ONB-1", { status: "in_progress" });
  await expect(start).rejects.toMatchObject({ code: "not_found" });
  await app.runUntilIdle();
  expect((await app.actAs("Thot").list({})).tasks).toEqual([]);
});
