import { expect, test } from "vitest";
import { observedSets } from "../../../shared/records/store-keys.ts";
import { MINUTE } from "../../../shared/time.ts";
import { createTestApp } from "../../support/test-app.ts";

/** A workspace with a history: everything that can cause a notification has already happened in it. */
async function createExistingWorkspace() {
  const app = await createTestApp();
  const { plane } = app;
  const thot = app.addPerson("Thot");
  const project = app.addProject();
  const other = app.addProject("Second", "SEC");
  const finished = app.addProject("Finished", "FIN");
  for (const one of [project, other]) plane.editProject(one, { name: one.name, cycle_view: true });
  const done = plane.addItem(other, { name: "Done long ago" });
  plane.editItem(done, { state: "Done" });
  plane.editItem(plane.addItem(finished, { name: "All done" }), { state: "Done" });
  const open = plane.addItem(other, { name: "Still open" });
  const waiting = plane.addItem(project, { name: "Waits", assignees: [thot], priority: "urgent" });
  const free = plane.addItem(project, { name: "Waited once", state: "In Progress" });
  const archived = plane.addItem(project, { name: "Archived" });
  plane.relate(waiting, open);
  plane.relate(free, done, { onto: "blocker" });
  const comment = plane.addComment(waiting, "<p>Old words</p>");
  plane.archiveItem(archived);
  const cycle = plane.addCycle(project, { name: "Sprint 1", start_date: "2026-11-20", end_date: "2026-11-22" });
  plane.addCycle(project, { name: "Sprint 0", start_date: "2026-11-10", end_date: "2026-11-12" });
  plane.addCycle(project, { name: "Sprint 2", start_date: "2026-11-24", end_date: "2026-11-30" });
  app.dropWebhooks();
  app.advance(MINUTE);
  return { app, plane, thot, project, other, done, open, waiting, free, archived, comment, cycle };
}

test("a start against an existing workspace causes no notifications for existing items, relations, comments, cycles or projects", async () => {
  const { app, waiting, free, open } = await createExistingWorkspace();
  await app.runFirstPoll();
  for (let i = 0; i < 3; i += 1) {
    app.advance(5 * MINUTE);
    await app.poll();
    await app.pollCycles();
    await app.runUntilIdle();
  }
  expect(app.takeEvents()).toEqual([]);
  expect((await app.readItem(waiting))?.blockers).toEqual([open.id]);
  expect((await app.readItem(free))?.blockers).toEqual([]);
});

test("a restart or the loss of the store causes no notifications for existing items", async () => {
  const { app } = await createExistingWorkspace();
  await app.runFirstPoll();
  await app.restart();
  await app.poll();
  await app.pollCycles();
  await app.runUntilIdle();
  await app.restart({ store: "lost" });
  await app.runFirstPoll();
  await app.poll();
  await app.pollCycles();
  await app.runUntilIdle();
  expect(app.takeEvents()).toEqual([]);
});

test("the first change of an existing item causes notifications for that change only", async () => {
  const { app, plane, waiting, free, done, open, comment, archived, thot } = await createExistingWorkspace();
  await app.runFirstPoll();
  plane.addComment(waiting, "<p>New words</p>", { by: thot });
  plane.editItem(free, { description_html: "<p>Longer</p>" });
  plane.editItem(done, { description_html: "<p>Longer</p>" });
  await app.deliverWebhooks();
  await app.poll();
  await app.runUntilIdle();
  expect(app.takeEvents()).toEqual(['ONB-1 comment_added "New words"']);
  plane.editComment(comment, "<p>Other words</p>");
  plane.restoreItem(archived);
  app.dropWebhooks();
  await app.poll();
  await app.runUntilIdle();
  expect(app.takeEvents()).toEqual(['ONB-1 comment_edited "Other words"']);
  plane.editItem(open, { state: "Done" });
  await app.deliverWebhooks();
  expect(app.takeEvents().sort()).toEqual(["ONB-1 unblocked", "SEC project_completed", "SEC-2 completed"]);
});

test("changes during an interrupted baseline are reported when it ends, and nothing older", async () => {
  const { app, plane, other, waiting, done } = await createExistingWorkspace();
  const undo = plane.faults.add({ path: `${other.id}/work-items` }, { kind: "status", status: 503 });
  await expect(app.poll()).rejects.toThrow("Plane could not answer");
  app.advance(5 * MINUTE);
  await app.restart();
  plane.editItem(waiting, { name: "Renamed meanwhile" });
  plane.editItem(done, { name: "Renamed meanwhile" });
  plane.addItem(other, { name: "Made meanwhile" });
  undo();
  await app.poll();
  await app.runUntilIdle();
  // Items read before the interruption are compared; of the others, changes since the start are found in activities.
  expect(app.takeEvents()).toEqual(["ONB-1 renamed", "SEC-3 created", "SEC-1 renamed"]);
});

test("a blocker in a project that is read later blocks without an event, and its earlier completion unblocks without an event", async () => {
  const { app, plane, other, free, done } = await createExistingWorkspace();
  const undo = plane.faults.add({ path: `${other.id}/work-items` }, { kind: "status", status: 503 });
  await expect(app.poll()).rejects.toThrow("Plane could not answer");
  // Meanwhile the relations of the first project are read, while the blocker is still unknown.
  for (let i = 0; i < 10; i += 1) {
    app.advance(2_000);
    await app.drain();
  }
  expect((await app.readItem(free))?.blockers).toEqual([done.id]);
  undo();
  await app.poll();
  await app.runUntilIdle();
  expect((await app.readItem(free))?.blockers).toEqual([]);
  expect(app.takeEvents()).toEqual([]);
});

test("an existing item that the baseline of a restored project skipped causes no notifications", async () => {
  const app = await createTestApp();
  const { plane } = app;
  app.addProject();
  const stored = app.addProject("Archive", "ARC");
  const items = Array.from({ length: 1_100 }, (_, i) => plane.addItem(stored, { name: `Item ${i}`, state: "Done" }));
  plane.archiveProject(stored);
  app.advance(MINUTE);
  await app.runFirstPoll();
  plane.restoreProject(stored);
  let deleted = false;
  plane.faults.beforeRequest(({ path }) => {
    // An item of the first page is deleted while the second page is requested, so the 1,001st item becomes the 1,000th.
    if (!path.includes("cursor=") || deleted) return;
    deleted = true;
    plane.deleteItem(items[1_099] ?? "");
  });
  await app.poll();
  await app.runUntilIdle();
  expect(deleted).toBe(true);
  expect(await app.store.count(observedSets.items(stored.id))).toBe(1_099);
  expect(app.takeEvents().filter((event) => !event.endsWith("removed"))).toEqual([]);
});

test("an archived blocker, which no list contains, blocks nothing until it is restored", async () => {
  const app = await createTestApp();
  const { plane } = app;
  const project = app.addProject();
  const item = plane.addItem(project, { name: "Guide" });
  const blocker = plane.addItem(project, { name: "First" });
  plane.relate(item, blocker);
  plane.archiveItem(blocker);
  app.advance(MINUTE);
  await app.runFirstPoll();
  expect((await app.readItem(item))?.blockers).toEqual([]);
  expect(await app.recordRequests(() => app.poll())).toHaveLength(2);
  expect(app.takeEvents()).toEqual([]);
  plane.restoreItem(blocker);
  await app.poll();
  await app.poll();
  expect(app.takeEvents()).toEqual(["ONB-1 blocked"]);
});

test("a project that becomes readable, followed or unarchived later causes no notifications for existing items", async () => {
  const app = await createTestApp({ projects: ["ONB", "HID", "ARC"] });
  const { plane } = app;
  const thot = app.addPerson("Thot");
  app.addProject();
  const stored = app.addProject("Archive", "ARC");
  plane.addItem(stored, { name: "Old" });
  plane.archiveProject(stored);
  app.advance(MINUTE);
  await app.runFirstPoll();
  const hidden = plane.addProject({ name: "Hidden", identifier: "HID", members: [thot], by: thot });
  const unfollowed = app.addProject("Later", "LAT");
  for (const one of [hidden, unfollowed])
    for (let i = 0; i < 3; i += 1) plane.addItem(one, { name: `Old ${i}` }, { by: thot });
  for (let i = 0; i < 5; i += 1) {
    app.advance(5 * MINUTE);
    await app.poll();
  }
  // The project is listed, so its creation causes an event; its items could not be read.
  expect(app.takeEvents()).toEqual(["HID project_created"]);
  plane.addProjectMember(hidden, app.human);
  plane.restoreProject(stored);
  app.settings.plane?.projects.push("LAT");
  for (let i = 0; i < 3; i += 1) {
    await app.poll();
    await app.runUntilIdle();
    app.advance(5 * MINUTE);
  }
  expect(app.takeEvents()).toEqual([]);
  for (const one of [hidden, unfollowed, stored]) plane.addItem(one, { name: "New" }, { by: thot });
  await app.poll();
  expect(app.takeEvents().sort()).toEqual(["ARC-2 created", "HID-4 created", "LAT-4 created"]);
});

test("an upcoming cycle starts and ends once, by Plane's clock", async () => {
  const { app, plane, project } = await createExistingWorkspace();
  await app.runFirstPoll();
  const hour = 60 * MINUTE;
  const events: string[] = [];
  for (let i = 0; i < 24 * 11; i += 1) {
    app.advance(hour);
    await (i % 2 ? app.poll() : app.pollCycles());
    events.push(...app.takeEvents());
    if (i === 30) plane.addCycle(project, { name: "Sprint 3", start_date: "2026-12-02", end_date: "2026-12-03" });
  }
  app.dropWebhooks();
  expect(events).toEqual([
    "Sprint 1 cycle_completed",
    "Sprint 2 cycle_started",
    "Sprint 2 cycle_completed",
    "Sprint 3 cycle_started",
  ]);
});
