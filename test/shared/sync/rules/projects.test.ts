import { expect, test } from "vitest";
import { inboxHandler } from "../../../../functions/webhooks/webhook-routes.ts";
import { MINUTE } from "../../../../shared/time.ts";
import { callPlane } from "../../../support/plane-api.ts";
import { createObservedProject } from "./observed-project.ts";

test("rule 5: projects are read first: archiving a project removes no items, and restoring it creates none", async () => {
  const { app, plane, project, item } = await createObservedProject();
  plane.archiveProject(project);
  expect(await app.recordRequests(() => app.poll())).toEqual(["GET projects"]);
  await app.runUntilIdle();
  plane.restoreProject(project);
  await app.pollUntilIdle();
  expect(app.takeEvents()).toEqual([]);
  plane.editItem(item, { state: "Done" });
  await app.deliverWebhooks();
  expect(app.takeEvents()).toEqual(["ONB-1 completed", "ONB project_completed"]);
});

test.each([1, 8])("rule 5: archiving a project twice after it was read removes no items (%i items)", async (count) => {
  const { app, plane, project } = await createObservedProject();
  for (let i = 1; i < count; i += 1) plane.addItem(project, { name: `Item ${i}` });
  await app.poll();
  // From now on a pass reads only what is new.
  app.advance(20 * MINUTE);
  await app.poll();
  app.takeEvents();
  for (let i = 0; i < 2; i += 1) {
    plane.faults.beforeRequest(({ path }) => {
      if (path.includes("work-items/?")) plane.archiveProject(project);
    });
    await app.poll();
    plane.faults.beforeRequest(undefined);
    expect(await app.deps.notices.readCurrent()).toEqual([]);
    await app.runUntilIdle();
    plane.restoreProject(project);
    await app.pollUntilIdle();
  }
  expect(app.takeEvents()).toEqual([]);
});

test("rule 10: every tick derives blockers from the stored state: an item whose blocker is done is unblocked at the next tick although the job was lost", async () => {
  const { app, plane, project, item } = await createObservedProject();
  const blocker = plane.addItem(project, { name: "First" });
  plane.relate(item, blocker);
  await app.pollUntilIdle();
  app.takeEvents();
  app.dropWebhooks();
  plane.editItem(blocker, { state: "Done" });
  plane.runWorker();
  await app.enqueueWebhook(plane.deliveries.pending[0]?.body ?? "");
  // The webhook is handled, and its follow-up jobs are lost.
  const [job] = await app.store.take("inbox", MINUTE, 1);
  if (!job) throw new Error("nothing in the inbox");
  await inboxHandler.handle(app.deps, job);
  await app.store.acknowledge(job, { done: true });
  for (const lost of await app.store.take("observe", MINUTE, 100)) await app.store.acknowledge(lost, { done: true });
  app.dropWebhooks();
  await app.drain();
  expect(app.takeEvents()).toEqual(["ONB-2 completed"]);
  await app.poll();
  expect(app.takeEvents()).toEqual(["ONB-1 unblocked"]);
});

test("rule 11: only the configured workspace, and ids instead of keys: another workspace's webhook changes nothing, another identifier keeps the items", async () => {
  const { app, plane, project, item } = await createObservedProject();
  plane.editItem(item, { state: "Done" });
  plane.runWorker();
  const [delivery] = plane.deliveries.pending;
  const other = plane.addWorkspace({ slug: "other" });
  await app.enqueueWebhook(delivery?.body.replace(plane.workspace.id, other.id) ?? "");
  await app.runUntilIdle();
  expect(app.takeEvents()).toEqual([]);
  expect((await app.readItem(item))?.snapshot.status).toBe("todo");
  plane.editItem(item, { state: "Todo" });

  await callPlane(plane.url, app.apiKey, "PATCH", `projects/${project.id}/`, { identifier: "NEW" });
  await app.pollUntilIdle();
  expect(app.takeEvents()).toEqual([]);
  app.plane.editItem(item, { state: "Done" });
  await app.poll();
  expect(app.takeEvents()).toEqual(["NEW-1 completed", "NEW project_completed"]);
});
