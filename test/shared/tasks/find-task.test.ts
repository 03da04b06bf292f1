import { expect, test } from "vitest";
import { findTask } from "../../../shared/tasks/find-task.ts";
import { createAgentTestApp } from "../../support/agent-test-app.ts";

test("a task is found by its key in any case, and by its id, without a request to Plane", async () => {
  const app = await createAgentTestApp();
  const item = app.addTask("Write it down", "Thot");
  await app.runFirstPoll();
  const asked = await app.recordRequests(async () => {
    for (const name of ["ONB-1", " onb-1 ", item.id, item.id.toUpperCase()])
      expect((await findTask(app.createContext("Thot"), name)).id).toBe(item.id);
  });
  expect(asked).toEqual([]);
});

test("a task is found by a key whose project identifier has letters outside ASCII", async () => {
  const app = await createAgentTestApp();
  const project = app.plane.addProject({ name: "Öko", identifier: "ÖKO_2" });
  const item = app.addTask("Write it down", "Thot", {}, project);
  await app.runFirstPoll();
  expect(await findTask(app.createContext("Thot"), "öko_2-1")).toMatchObject({ id: item.id, key: "ÖKO_2-1" });
});

test("the tasks of an archived project are not listed and cannot be claimed", async () => {
  const app = await createAgentTestApp();
  app.addTask("Write it down", "Thot");
  await app.runFirstPoll();
  app.plane.archiveProject(app.onb);
  await app.poll();
  expect((await app.actAs("Thot").list({})).tasks).toEqual([]);
  await expect(app.actAs("Thot").claim("ONB-1")).rejects.toMatchObject({
    code: "not_found",
    message: expect.stringContaining("The project of ONB-1 was archived"),
  });
});

test("a read that an older observation overtakes is repeated, so that an agent cannot start what was just taken from it", async () => {
  const app = await createAgentTestApp();
  const task = app.addTask("Guide", "Thot");
  await app.runFirstPoll();
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
