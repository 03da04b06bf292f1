import { expect, test } from "vitest";
import { MINUTE } from "../../../shared/time.ts";
import { createTestApp } from "../../support/test-app.ts";

async function createOldPlaneApp() {
  const crew = await createTestApp({ version: "1.2.2" });
  const thot = crew.addPerson("Thot");
  const project = crew.addProject();
  const item = crew.plane.addItem(project, { name: "Guide" });
  crew.advance(MINUTE);
  await crew.runFirstPoll();
  return { crew, plane: crew.plane, project, item, thot };
}

test("on Plane 1.2.2 the poll finds an edit by API, which sends no webhook, and no relations are requested", async () => {
  const { crew, plane, item, thot } = await createOldPlaneApp();
  plane.editItem(item, { state: "In Progress", assignees: [thot] }, { via: "api" });
  plane.runWorker();
  expect(plane.deliveries.pending).toEqual([]);
  const requests = await crew.recordRequests(async () => {
    await crew.poll();
    await crew.runUntilIdle();
  });
  expect(crew.takeEvents()).toEqual(["ONB-1 assigned thot", "ONB-1 started"]);
  expect(requests).toEqual(["GET projects", "GET work-items", "GET work-items/:id/comments"]);
});

test("on Plane 1.2.2 webhooks report creations, comments and edits in the browser", async () => {
  const { crew, plane, project, item } = await createOldPlaneApp();
  plane.addItem(project, { name: "New" }, { via: "api" });
  plane.addComment(item, "<p>Words</p>");
  plane.editItem(item, { state: "Done" }, { via: "browser" });
  await crew.deliverWebhooks();
  expect(crew.takeEvents().sort()).toEqual(['ONB-1 comment_added "Words"', "ONB-1 completed", "ONB-2 created"]);
  await crew.poll();
  await crew.runUntilIdle();
  expect(crew.takeEvents()).toEqual([]);
});
