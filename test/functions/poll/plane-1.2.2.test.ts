import { expect, test } from "vitest";
import { MINUTE } from "../../../shared/time.ts";
import { createTestApp, type TestApp } from "../../support/test-app.ts";

async function createOldPlaneApp() {
  const app = await createTestApp({ version: "1.2.2" });
  const thot = app.addPerson("Thot");
  const project = app.addProject();
  const item = app.plane.addItem(project, { name: "Guide" });
  app.advance(MINUTE);
  await app.runFirstPoll();
  return { app, plane: app.plane, project, item, thot };
}

test("on Plane 1.2.2 the poll finds an edit by API, which sends no webhook, and no relations are requested: the activities contain them", async () => {
  const { app, plane, item, thot } = await createOldPlaneApp();
  plane.editItem(item, { state: "In Progress", assignees: [thot] }, { via: "api" });
  plane.runWorker();
  expect(plane.deliveries.pending).toEqual([]);
  // Until then Plane's worker may not have written the activity yet, so the activities would be read twice.
  app.advance(3_000);
  const requests = await app.recordRequests(async () => {
    await app.pollUntilIdle();
  });
  expect(app.takeEvents()).toEqual(["ONB-1 assigned thot", "ONB-1 started"]);
  expect(requests).toEqual([
    "GET projects",
    "GET work-items",
    "GET work-items/:id/activities",
    "GET work-items/:id/comments",
  ]);
});

async function createRelatedItems() {
  const { app, plane, project, item } = await createOldPlaneApp();
  const blocker = plane.addItem(project, { name: "First" });
  await pollLater(app);
  app.takeEvents();
  return { app, plane, item, blocker };
}

async function pollLater(app: TestApp) {
  app.advance(2_000);
  await app.pollUntilIdle();
}

test("on Plane 1.2.2 a relation that is added and removed in the browser at the blocker blocks and unblocks the other task for good", async () => {
  const { app, plane, item, blocker } = await createRelatedItems();
  plane.relate(item, blocker, { onto: "blocker" });
  await pollLater(app);
  expect(app.takeEvents()).toEqual(["ONB-1 blocked"]);
  plane.unrelate(item, blocker, { onto: "blocker" });
  await pollLater(app);
  expect(app.takeEvents()).toEqual(["ONB-1 unblocked"]);
  plane.editItem(item, { name: "Guide 2" });
  await pollLater(app);
  expect(app.takeEvents()).toEqual(["ONB-1 renamed"]);
});

test("on Plane 1.2.2 a relation that was removed and added again blocks the task", async () => {
  const { app, plane, item, blocker } = await createRelatedItems();
  for (const change of [plane.relate, plane.unrelate, plane.relate]) {
    change(item, blocker);
    await pollLater(app);
  }
  expect(app.takeEvents()).toEqual(["ONB-1 blocked", "ONB-1 unblocked", "ONB-1 blocked"]);
});

test("on Plane 1.2.2 a task that both a relation and its description block stays blocked until both are removed", async () => {
  const { app, plane, item, blocker } = await createRelatedItems();
  plane.editItem(item, { description_html: "<p>Blocked by: ONB-2</p>" });
  await pollLater(app);
  plane.relate(item, blocker);
  await pollLater(app);
  expect(app.takeEvents()).toEqual(["ONB-1 blocked"]);
  plane.editItem(item, { description_html: "<p></p>" });
  await pollLater(app);
  plane.editItem(item, { description_html: "<p>Blocked by: ONB-2</p>" });
  await pollLater(app);
  plane.unrelate(item, blocker);
  await pollLater(app);
  expect(app.takeEvents()).toEqual([]);
  expect((await app.readItem(item))?.blockers).toEqual([blocker.id]);
  plane.editItem(item, { description_html: "<p></p>" });
  await pollLater(app);
  expect(app.takeEvents()).toEqual(["ONB-1 unblocked"]);
});

test("on Plane 1.2.2 an activity that the worker writes after `updated_at` is not missed", async () => {
  const { app, plane, item, blocker } = await createRelatedItems();
  plane.editItem(item, { priority: "high" });
  app.onNextWait(() => plane.relate(item, blocker));
  await app.poll();
  expect((await app.readItem(item))?.blockers).toEqual([blocker.id]);
});
