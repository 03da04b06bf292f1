import { expect, test, vi } from "vitest";
import { toItemPut } from "../../../shared/sync/item-record.ts";
import { findStoredTask, findTask, refreshTask } from "../../../shared/tasks/find-task.ts";
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

test("a new task that has not been observed yet is read by its key", async () => {
  const app = await createAgentTestApp();
  await app.runFirstPoll();
  const item = app.addTask("Brand new", "Thot");
  expect(await findTask(app.createContext("Thot"), "ONB-1")).toMatchObject({
    id: item.id,
    item: { owners: ["Thot"] },
  });
});

test.each(["ONB-7", "NONE-1", "525a36c6-8126-4aad-b630-aaae2a6649ec"])(
  "the unknown task %s is reported as not found",
  async (name) => {
    const app = await createAgentTestApp();
    await app.runFirstPoll();
    await expect(findTask(app.createContext("Thot"), name)).rejects.toMatchObject({ code: "not_found" });
  },
);

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

test("a text that is not a task key is refused", async () => {
  const app = await createAgentTestApp();
  await app.runFirstPoll();
  for (const name of ["", "ONB", "ONB-0", "../x", "ONB-1; rm -rf"])
    await expect(findTask(app.createContext("Thot"), name)).rejects.toMatchObject({ code: "bad_request" });
});

test("a read of a task that waited for its turn or was overtaken still returns the current state", async () => {
  const app = await createAgentTestApp();
  const item = app.addTask("Write it down", "Thot");
  await app.runFirstPoll();
  const acting = app.createContext("Thot");
  const task = await findTask(acting, "ONB-1");
  const titled = async () => (await findStoredTask(app.deps, item.id))?.item.snapshot.name;
  /** Changes the stored item as any other part of Groundcrew might. */
  const touch = async () => {
    const now = await findStoredTask(app.deps, item.id);
    if (now) await app.store.commit({ put: [toItemPut({ ...now.item, startedAt: String(now.rev) })] });
  };
  // With the agent's own key, as when it has used up its limit of unpaced requests.
  await refreshTask(acting, task, acting.plane);
  app.plane.editItem(item, { name: "Write it" });
  app.onNextWait(() => void touch());
  await refreshTask(acting, task, acting.plane);
  expect(await titled()).toBe("Write it");

  app.plane.editItem(item, { name: "Write" });
  const answered = vi.fn(touch);
  const call: typeof acting.plane.call = async (endpoint, given) => {
    const answer = await acting.plane.call(endpoint, given);
    if (answered.mock.calls.length === 0) await answered();
    return answer;
  };
  await refreshTask(acting, task, { ...acting.plane, call });
  expect(answered).toHaveBeenCalled();
  expect(await titled()).toBe("Write");
});

test("a task that was deleted a moment ago is reported as not found when it is read again", async () => {
  const app = await createAgentTestApp();
  const item = app.addTask("Write it down", "Thot");
  await app.runFirstPoll();
  const task = await findTask(app.createContext("Thot"), "ONB-1");
  app.plane.deleteItem(item);
  await expect(refreshTask(app.createContext("Thot"), task)).rejects.toMatchObject({ code: "not_found" });
  await app.runUntilIdle();
  await expect(findTask(app.createContext("Thot"), item.id)).rejects.toThrow("ONB-1 was deleted or archived in Plane");
});
