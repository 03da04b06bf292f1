import { expect, test } from "vitest";
import { checkRuntime } from "../../../functions/doctor/runtime.ts";
import { listReadableProjects } from "../../../shared/records/plane-records.ts";
import { listDeletedNames } from "../../../shared/sync/names.ts";
import { moveToStatus } from "../../../shared/tasks/change-task.ts";
import { updateTask } from "../../../shared/tasks/edit-task.ts";
import { findStoredTask } from "../../../shared/tasks/find-task.ts";
import { VERSION } from "../../../shared/version.ts";
import { createAgentTestApp } from "../../support/agent-test-app.ts";

/** A project whose states and labels Groundcrew has read, and a task in it; a state may mean `blocked`. */
async function createNamesApp(blocked: string[] = []) {
  const app = await createAgentTestApp({ config: { states: { blocked } } });
  for (const name of blocked) app.plane.addState(app.onb, { name, group: "started" });
  const item = app.addTask("Write the guide", "Thot");
  await app.runFirstPoll();
  await app.pollCycles();
  await app.runUntilIdle();
  const find = (name: string) =>
    [...app.plane.states(app.onb), ...app.plane.labels(app.onb)].find((row) => row.name === name) ?? { id: "" };
  const readStatus = async () => (await app.readItem(item))?.snapshot.status;
  const readTask = async () => (await findStoredTask(app.deps, item.id)) ?? expect.fail("not stored");
  const move = async (status: Parameters<typeof moveToStatus>[2]) =>
    void (await moveToStatus(app.createContext("Ada"), await readTask(), status));
  const readDeletedNames = async () => listDeletedNames(app.deps, await listReadableProjects(app.deps));
  return { app, item, find, readStatus, readTask, move, readDeletedNames };
}

test("A renamed state of the setting `states` keeps its meaning after a restart; after a lost store its name decides", async () => {
  const { app, item, find, readStatus } = await createNamesApp(["On hold"]);
  app.plane.rename(find("On hold"), "Parked");
  await app.restart();
  app.plane.editItem(item, { state: "Parked" });
  await app.poll();
  expect(await readStatus()).toBe("blocked");
  await app.restart({ store: "lost" });
  await app.runFirstPoll();
  expect(await readStatus()).toBe("in_progress");
});

test("A label of Groundcrew that people rename keeps its meaning; one that they delete is logged, and created again when it is needed", async () => {
  const { app, item, find, readStatus, move, readTask, readDeletedNames } = await createNamesApp();
  await updateTask(app.createContext("Ada"), await readTask(), { assignee: "Thot" });
  await move("blocked");
  app.plane.rename(find("blocked"), "stuck");
  app.plane.rename(find("agent:Thot"), "team Thot");
  await app.restart();
  app.plane.editItem(item, { priority: "high" });
  await app.poll();
  expect(await readStatus()).toBe("blocked");
  await move("todo");
  expect(app.readPlaneItem(item).labels).toEqual(["team Thot"]);
  await move("blocked");
  await app.runUntilIdle();
  expect(app.readPlaneItem(item).labels.toSorted()).toEqual(["stuck", "team Thot"]);
  const other = app.addTask("Write the summary", [], { labels: ["team Thot"] });
  await app.poll();
  expect((await app.readItem(other))?.owners).toEqual(["Thot"]);
  expect(app.plane.labels(app.onb).map(({ name }) => name)).toHaveLength(2);

  await move("todo");
  app.plane.deleteStateOrLabel(find("stuck"));
  await app.pollCycles();
  expect(JSON.stringify(app.logged)).toContain("label deleted in Plane");
  await move("blocked");
  expect(app.readPlaneItem(item).labels).toContain("blocked");
  expect(await readDeletedNames()).toEqual([]);
});

test("A state that the settings name and that was deleted in Plane is logged once and reported by the doctor, with the setting", async () => {
  const { app, find, readDeletedNames } = await createNamesApp(["On hold"]);
  app.plane.deleteStateOrLabel(find("On hold"));
  for (let polls = 0; polls < 2; polls += 1) await app.pollCycles();
  const lines = app.logged.filter((line) => JSON.stringify(line).includes("state deleted in Plane"));
  expect(lines).toHaveLength(1);
  expect(JSON.stringify(lines[0])).toMatch(/ONB.*on hold.*states\.blocked/);
  const deleted_names = await readDeletedNames();
  expect(deleted_names).toEqual([{ project: "ONB", kind: "states", name: "on hold", setting: "states.blocked" }]);
  const findings = checkRuntime(
    "http://127.0.0.1:1",
    { alive: true, health: { status: "ok", version: VERSION, queues: {} }, ready: { status: "ready", deleted_names } },
    { ...app.settings, adminTokens: ["marked-secret-admin-token"] },
  );
  expect(findings.find(({ name }) => name === "plane states")).toMatchObject({
    status: "warning",
    detail: expect.stringContaining("states.blocked in GROUNDCREW_CONFIG"),
  });
  app.plane.addState(app.onb, { name: "On hold", group: "started" });
  await app.pollCycles();
  expect(await readDeletedNames()).toEqual([]);
});
