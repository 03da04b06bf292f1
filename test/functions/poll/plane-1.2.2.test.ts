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
    await app.poll();
    await app.runUntilIdle();
  });
  expect(app.takeEvents()).toEqual(["ONB-1 assigned thot", "ONB-1 started"]);
  expect(requests).toEqual([
    "GET projects",
    "GET work-items",
    "GET work-items/:id/activities",
    "GET work-items/:id/comments",
  ]);
});

test("on Plane 1.2.2 webhooks report creations, comments and edits in the browser", async () => {
  const { app, plane, project, item } = await createOldPlaneApp();
  plane.addItem(project, { name: "New" }, { via: "api" });
  plane.addComment(item, "<p>Words</p>");
  plane.editItem(item, { state: "Done" }, { via: "browser" });
  await app.deliverWebhooks();
  expect(app.takeEvents().sort()).toEqual(['ONB-1 comment_added "Words"', "ONB-1 completed", "ONB-2 created"]);
  await app.poll();
  await app.runUntilIdle();
  expect(app.takeEvents()).toEqual([]);
});

async function createRelatedItems() {
  const { app, plane, project, item } = await createOldPlaneApp();
  const blocker = plane.addItem(project, { name: "First" });
  await pollUntilIdle(app);
  app.takeEvents();
  return { app, plane, item, blocker };
}

async function pollUntilIdle(app: TestApp) {
  app.advance(2_000);
  await app.poll();
  await app.runUntilIdle();
}

test("on Plane 1.2.2 a relation that a person adds in the browser blocks the task until the blocker is done", async () => {
  const { app, plane, item, blocker } = await createRelatedItems();
  plane.relate(item, blocker);
  await pollUntilIdle(app);
  expect(app.takeEvents()).toEqual(["ONB-1 blocked"]);
  expect((await app.readItem(item))?.blockers).toEqual([blocker.id]);
  plane.editItem(blocker, { state: "Done" }, { via: "browser" });
  await pollUntilIdle(app);
  expect(app.takeEvents()).toEqual(["ONB-2 completed", "ONB-1 unblocked"]);
});

test("on Plane 1.2.2 a relation that is added and removed in the browser at the blocker blocks and unblocks the other task for good", async () => {
  const { app, plane, item, blocker } = await createRelatedItems();
  plane.relate(item, blocker, { onto: "blocker" });
  await pollUntilIdle(app);
  expect(app.takeEvents()).toEqual(["ONB-1 blocked"]);
  plane.unrelate(item, blocker, { onto: "blocker" });
  await pollUntilIdle(app);
  expect(app.takeEvents()).toEqual(["ONB-1 unblocked"]);
  plane.editItem(item, { name: "Guide 2" });
  await pollUntilIdle(app);
  expect(app.takeEvents()).toEqual(["ONB-1 renamed"]);
});

test("on Plane 1.2.2 a relation that was removed and added again blocks the task", async () => {
  const { app, plane, item, blocker } = await createRelatedItems();
  for (const change of [plane.relate, plane.unrelate, plane.relate]) {
    change(item, blocker);
    await pollUntilIdle(app);
  }
  expect(app.takeEvents()).toEqual(["ONB-1 blocked", "ONB-1 unblocked", "ONB-1 blocked"]);
});

test("on Plane 1.2.2 a task that both a relation and its description block stays blocked until both are removed", async () => {
  const { app, plane, item, blocker } = await createRelatedItems();
  plane.editItem(item, { description_html: "<p>Blocked by: ONB-2</p>" });
  await pollUntilIdle(app);
  plane.relate(item, blocker);
  await pollUntilIdle(app);
  expect(app.takeEvents()).toEqual(["ONB-1 blocked"]);
  plane.editItem(item, { description_html: "<p></p>" });
  await pollUntilIdle(app);
  plane.editItem(item, { description_html: "<p>Blocked by: ONB-2</p>" });
  await pollUntilIdle(app);
  plane.unrelate(item, blocker);
  await pollUntilIdle(app);
  expect(app.takeEvents()).toEqual([]);
  expect((await app.readItem(item))?.blockers).toEqual([blocker.id]);
  plane.editItem(item, { description_html: "<p></p>" });
  await pollUntilIdle(app);
  expect(app.takeEvents()).toEqual(["ONB-1 unblocked"]);
});

test("on Plane 1.2.2 an activity that the worker writes after `updated_at` is not missed", async () => {
  const { app, plane, item, blocker } = await createRelatedItems();
  plane.editItem(item, { priority: "high" });
  app.onNextWait(() => plane.relate(item, blocker));
  await app.poll();
  expect((await app.readItem(item))?.blockers).toEqual([blocker.id]);
});

test("on Plane 1.2.2 a relation from before the first poll blocks the task without an event", async () => {
  const app = await createTestApp({ version: "1.2.2" });
  const { plane } = app;
  const project = app.addProject();
  const [item, blocker] = [plane.addItem(project, { name: "Guide" }), plane.addItem(project, { name: "First" })];
  plane.relate(item, blocker);
  app.advance(MINUTE);
  await app.runFirstPoll();
  expect(app.takeEvents()).toEqual([]);
  expect((await app.readItem(item))?.blockers).toEqual([blocker.id]);
});
