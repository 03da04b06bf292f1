import { expect, test } from "vitest";
import { pollTick } from "../../../../functions/poll/poll-tick.ts";
import { MINUTE } from "../../../../shared/time.ts";
import { createTestApp, type TestAppOptions } from "../../../support/test-app.ts";
import { createObservedProject } from "./observed-project.ts";

test("rule 9: webhooks are held until a project's first complete read", async () => {
  const { app, plane } = await createObservedProject();
  const hidden = app.addProject("Second", "SEC");
  const old = plane.addItem(hidden, { name: "Old" });
  plane.archiveProject(hidden);
  await app.restart({ store: "lost" });
  await app.runFirstPoll(MINUTE);
  plane.restoreProject(hidden);
  // The poll sees that the project is back and does not get to read it.
  const undo = plane.faults.add({ path: `${hidden.id}/work-items` }, { kind: "status", status: 503 });
  await expect(app.poll()).rejects.toThrow();
  plane.editItem(old, { name: "Renamed" });
  await app.deliverWebhooks();
  undo();
  await app.runUntilIdle();
  await app.poll();
  expect(app.takeEvents()).toEqual([]);
  plane.editItem(old, { state: "Done" });
  await app.deliverWebhooks();
  expect(app.takeEvents()).toEqual(["SEC-1 completed", "SEC project_completed"]);
});

/** A project with one open item, whose baseline begins and is broken off before its items are read. */
async function createBrokenOffBaseline(options: TestAppOptions = {}) {
  const app = await createTestApp(options);
  const { plane } = app;
  const project = app.addProject();
  const item = plane.addItem(project, { name: "Guide" });
  app.dropWebhooks();
  app.advance(MINUTE);
  const undo = plane.faults.add({ path: "work-items" }, { kind: "status", status: 503 });
  await expect(app.poll()).rejects.toThrow();
  undo();
  app.advance(2_000);
  return { app, plane, project, item };
}

test("rule 9: a change made after the baseline began is reported, also when its webhook arrives before the baseline ends", async () => {
  const { app, plane, item } = await createBrokenOffBaseline();
  // Its name is the same in the end.
  for (const name of ["Handbook", "Guide"]) {
    plane.editItem(item, { name });
    app.advance(1_000);
  }
  plane.editItem(item, { state: "Done" });
  await app.deliverWebhooks();
  expect(app.takeEvents()).toEqual([]);
  await app.pollUntilIdle();
  expect(app.takeEvents().sort()).toEqual(["ONB project_completed", "ONB-1 completed"]);
  app.advance(5 * MINUTE);
  await app.pollUntilIdle();
  expect(app.takeEvents()).toEqual([]);
});

test("rule 9: a change made before the baseline began causes no events, also when Plane's worker records it later", async () => {
  const app = await createTestApp({ worker: "by hand" });
  const { plane } = app;
  const item = plane.addItem(app.addProject(), { name: "Guide" });
  app.dropWebhooks();
  app.advance(MINUTE);
  plane.editItem(item, { state: "Done" });
  app.advance(1_000);
  plane.faults.beforeRequest(({ path }) => {
    if (!path.includes("work-items")) return;
    plane.faults.beforeRequest(undefined);
    app.advance(5_000);
    plane.runWorker();
  });
  await pollTick.run(app.deps);
  await app.deliverUntilIdle();
  expect((await app.readItem(item))?.initial).toBeDefined();
  expect(app.takeEvents()).toEqual([]);
});

test("rule 9: an activity that Plane records after the first read is reported when the next observation shows it", async () => {
  const { app, plane, item } = await createBrokenOffBaseline();
  const { runWorker } = plane;
  plane.runWorker = () => 0;
  plane.editItem(item, { name: "Handbook" });
  await app.pollUntilIdle();
  expect(app.takeEvents()).toEqual([]);
  plane.runWorker = runWorker;
  await app.pollUntilIdle();
  expect(app.takeEvents()).toEqual(["ONB-1 renamed"]);
});

const fetchSmallPages: typeof fetch = (input, init) =>
  fetch(String(input).replace("per_page=1000", "per_page=2"), init);

test("rule 9: what the first pages of a baseline show is reported when the baseline has ended", async () => {
  const { app, plane, project, item } = await createBrokenOffBaseline({ fetch: fetchSmallPages });
  for (const name of ["Map", "Tour"]) plane.addItem(project, { name });
  plane.editItem(item, { state: "In Progress" });
  app.dropWebhooks();
  const undo = plane.faults.add({ path: "cursor=" }, { kind: "status", status: 503 });
  await expect(app.poll()).rejects.toThrow();
  undo();
  app.advance(MINUTE);
  await app.drain();
  expect(app.takeEvents()).not.toContain("ONB-1 started");
  await app.pollUntilIdle();
  expect(app.takeEvents()).toContain("ONB-1 started");
});

test("rule 9: an item that was edited between two pages of the baseline belongs to the baseline", async () => {
  const app = await createTestApp({ fetch: fetchSmallPages });
  const { plane } = app;
  const project = app.addProject();
  const items = Array.from({ length: 3 }, (_, i) => plane.addItem(project, { name: `Item ${i}` }));
  app.dropWebhooks();
  app.advance(MINUTE);
  plane.faults.beforeRequest(({ path }) => {
    if (!path.includes("cursor=2")) return;
    app.advance(2_000);
    plane.editItem(items[0] ?? "", { state: "In Progress" });
    // The list of all ids follows, because the edited item was on no page; its webhook is handled before that.
    plane.faults.beforeRequest(async () => {
      plane.faults.beforeRequest(undefined);
      await app.deliverWebhooks();
    });
  });
  await app.pollUntilIdle();
  expect(app.takeEvents()).toEqual(["ONB-1 started"]);
});
