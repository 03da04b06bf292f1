import { expect, test } from "vitest";
import { MINUTE } from "../../../shared/time.ts";
import { createTestApp } from "../../support/test-app.ts";

async function createOldPlaneApp() {
  const app = await createTestApp({ version: "1.2.2" });
  const thot = app.addPerson("Thot");
  const project = app.addProject();
  const item = app.plane.addItem(project, { name: "Guide" });
  app.advance(MINUTE);
  await app.runFirstPoll();
  return { app, plane: app.plane, project, item, thot };
}

test("on Plane 1.2.2 the poll finds an edit by API, which sends no webhook, and no relations are requested", async () => {
  const { app, plane, item, thot } = await createOldPlaneApp();
  plane.editItem(item, { state: "In Progress", assignees: [thot] }, { via: "api" });
  plane.runWorker();
  expect(plane.deliveries.pending).toEqual([]);
  const requests = await app.recordRequests(async () => {
    await app.poll();
    await app.runUntilIdle();
  });
  expect(app.takeEvents()).toEqual(["ONB-1 assigned thot", "ONB-1 started"]);
  expect(requests).toEqual(["GET projects", "GET work-items", "GET work-items/:id/comments"]);
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
