import { expect, test } from "vitest";
import { MINUTE } from "../../../shared/time.ts";
import { createTestApp } from "../../support/test-app.ts";

async function createOldPlaneApp() {
  const app = await createTestApp({ version: "1.2.2" });
  const thot = app.addPerson("Thot");
  const project = app.addProject();
  const item = app.plane.addItem(project, { name: "Guide" });
  const blocker = app.plane.addItem(project, { name: "First" });
  await app.runFirstPoll(MINUTE);
  async function pollLater(ms = 2_000) {
    app.advance(ms);
    await app.pollUntilIdle();
  }
  return { app, plane: app.plane, item, blocker, thot, pollLater };
}

test("on Plane 1.2.2 the poll finds an edit by API, which sends no webhook, and no relations are requested: the activities contain them", async () => {
  const { app, plane, item, thot, pollLater } = await createOldPlaneApp();
  plane.editItem(item, { state: "In Progress", assignees: [thot] }, { via: "api" });
  plane.runWorker();
  expect(plane.deliveries.pending).toEqual([]);
  // Until 3 s later Plane's worker may not have written the activity yet, so the activities would be read twice.
  const requests = await app.recordRequests(() => pollLater(3_000));
  expect(app.takeEvents()).toEqual(["ONB-1 assigned thot", "ONB-1 started"]);
  const details = ["GET work-items/:id/activities", "GET work-items/:id/comments"];
  expect(requests).toEqual(["GET projects", "GET work-items", ...details]);
});

test("on Plane 1.2.2 a relation that is added, removed and added again in the browser, at either task, blocks and unblocks the task", async () => {
  const { app, plane, item, blocker, pollLater } = await createOldPlaneApp();
  for (const onto of ["blocker", "blocked"] as const) {
    plane.relate(item, blocker, { onto });
    await pollLater();
    expect(app.takeEvents()).toEqual(["ONB-1 blocked"]);
    plane.unrelate(item, blocker, { onto });
    await pollLater();
    expect(app.takeEvents()).toEqual(["ONB-1 unblocked"]);
  }
  plane.editItem(item, { name: "Guide 2" });
  await pollLater();
  expect(app.takeEvents()).toEqual(["ONB-1 renamed"]);
});

test("on Plane 1.2.2 a task that both a relation and its description block stays blocked until both are removed", async () => {
  const { app, plane, item, blocker, pollLater } = await createOldPlaneApp();
  const describe = async (description_html: string) => {
    plane.editItem(item, { description_html });
    await pollLater();
  };
  await describe("<p>Blocked by: ONB-2</p>");
  plane.relate(item, blocker);
  await pollLater();
  expect(app.takeEvents()).toEqual(["ONB-1 blocked"]);
  await describe("<p></p>");
  await describe("<p>Blocked by: ONB-2</p>");
  plane.unrelate(item, blocker);
  await pollLater();
  expect(app.takeEvents()).toEqual([]);
  expect((await app.readItem(item))?.blockers).toEqual([blocker.id]);
  await describe("<p></p>");
  expect(app.takeEvents()).toEqual(["ONB-1 unblocked"]);
});

test("on Plane 1.2.2 an activity that the worker writes after `updated_at` is not missed", async () => {
  const { app, plane, item, blocker } = await createOldPlaneApp();
  plane.editItem(item, { priority: "high" });
  app.onNextWait(() => plane.relate(item, blocker));
  await app.poll();
  expect((await app.readItem(item))?.blockers).toEqual([blocker.id]);
});
