import { expect, test } from "vitest";
import { pollTick } from "../../../functions/poll/poll-tick.ts";
import { observedKeys } from "../../../shared/records/store-keys.ts";
import { MINUTE } from "../../../shared/time.ts";
import { createAgentTestApp, WORK_RULES } from "../../support/agent-test-app.ts";
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

test("a start against an existing workspace, a restart and the loss of the store cause no notifications for existing items, relations, comments, cycles or projects", async () => {
  const { app, waiting, free, open } = await createExistingWorkspace();
  await app.runFirstPoll();
  async function pollAll() {
    app.advance(5 * MINUTE);
    await app.poll();
    await app.pollCycles();
    await app.runUntilIdle();
  }
  for (let i = 0; i < 3; i += 1) await pollAll();
  expect((await app.readItem(waiting))?.blockers).toEqual([open.id]);
  expect((await app.readItem(free))?.blockers).toEqual([]);
  for (const store of ["kept", "lost"] as const) {
    await app.restart({ store });
    if (store === "lost") await app.runFirstPoll();
    await pollAll();
  }
  expect(app.takeEvents()).toEqual([]);
});

test("the first change of an existing item causes notifications for that change only", async () => {
  const { app, plane, waiting, free, done, open, comment, archived, thot } = await createExistingWorkspace();
  await app.runFirstPoll();
  plane.addComment(waiting, "<p>New words</p>", { by: thot });
  plane.editItem(free, { description_html: "<p>Longer</p>" });
  plane.editItem(done, { description_html: "<p>Longer</p>" });
  await app.deliverWebhooks();
  await app.pollUntilIdle();
  expect(app.takeEvents()).toEqual(['ONB-1 comment_added "New words"']);
  plane.editComment(comment, "<p>Other words</p>");
  plane.restoreItem(archived);
  app.dropWebhooks();
  await app.pollUntilIdle();
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
  await app.pollUntilIdle();
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
  await app.pollUntilIdle();
  expect((await app.readItem(free))?.blockers).toEqual([]);
  expect(app.takeEvents()).toEqual([]);
});

test("an agent that is added to the settings may claim what was assigned to it before", async () => {
  const app = await createAgentTestApp();
  app.addTask("Write it down", "Thot");
  const { agents } = app.settings;
  app.settings.agents = agents.filter(({ name }) => name !== "Thot");
  await app.runFirstPoll();
  app.settings.agents = agents;
  await app.pollUntilIdle();
  expect(await app.actAs("Thot").claim("ONB-1")).toMatchObject({ key: "ONB-1" });
});

test("a project that becomes readable, followed or unarchived later causes no notifications for existing items", async () => {
  const app = await createTestApp({ projects: ["ONB", "HID", "ARC"] });
  const { plane } = app;
  const thot = app.addPerson("Thot");
  app.addProject();
  const stored = app.addProject("Archive", "ARC");
  plane.addItem(stored, { name: "Old" });
  plane.archiveProject(stored);
  await app.runFirstPoll(MINUTE);
  const hidden = plane.addProject({ name: "Hidden", identifier: "HID", members: [thot], by: thot });
  const unfollowed = app.addProject("Later", "LAT");
  for (const one of [hidden, unfollowed]) plane.addItem(one, { name: "Old" }, { by: thot });
  for (let i = 0; i < 5; i += 1) {
    app.advance(5 * MINUTE);
    await app.poll();
  }
  // The project is listed, so its creation causes an event; its items could not be read.
  expect(app.takeEvents()).toEqual(["HID project_created"]);
  plane.addProjectMember(hidden, app.human);
  plane.restoreProject(stored);
  app.settings.plane?.projects.push("LAT");
  for (let i = 0; i < 2; i += 1) {
    await app.pollUntilIdle();
    app.advance(5 * MINUTE);
  }
  expect(app.takeEvents()).toEqual([]);
  for (const one of [hidden, unfollowed, stored]) plane.addItem(one, { name: "New" }, { by: thot });
  await app.poll();
  expect(app.takeEvents().sort()).toEqual(["ARC-2 created", "HID-2 created", "LAT-2 created"]);
});

/**
 * A workspace that was in use before: Thot's task "Tour" waits for the cancelled "Guide", "Map" is assigned to Thot, and
 * "Fair" has a label for Imhotep.
 */
async function createAgentWorkspace(config: Record<string, unknown> = {}) {
  const app = await createAgentTestApp({ parts: WORK_RULES, config });
  const { plane } = app;
  const label = plane.addLabel(app.onb, "agent:Imhotep");
  const guide = app.addTask("Guide", "Imhotep");
  const tour = app.addTask("Tour", "Thot");
  const map = app.addTask("Map", "Thot");
  const fair = app.addTask("Fair", [], { labels: [label] });
  plane.relate(tour, guide);
  plane.editItem(guide, { state: "Cancelled" });
  await app.runFirstPoll(MINUTE);
  async function runPolls(n = 3) {
    for (let i = 0; i < n; i += 1) {
      await app.pollUntilIdle();
      app.dropWebhooks();
      app.advance(MINUTE);
    }
  }
  /** Every request that changes something in Plane, as its ledger recorded them. */
  const listWrites = () => plane.ledger.requests.filter(({ api, method }) => api && method !== "GET");
  return { app, plane, guide, tour, map, fair, runPolls, listWrites };
}

test("OPENCLAW-10 existing items keep their labels, states and comments at the first start, when people change them, after a restart and after the store was lost", async () => {
  const { app, plane, map, guide, fair, runPolls, listWrites } = await createAgentWorkspace();
  await runPolls();
  // An agent that only lists changes nothing either.
  await app.actAs("Thot").list({});
  plane.editItem(map, { assignees: [app.getUser("Imhotep")] });
  plane.editItem(fair, { assignees: [app.getUser("Thot")], state: "In Progress" });
  plane.editItem(guide, { state: "Todo" });
  plane.addComment(map, "<p>Please hurry</p>");
  await app.deliverWebhooks();
  await runPolls();
  plane.editItem(guide, { state: "Cancelled" });
  // The label stays when they complete the task.
  plane.editItem(map, { assignees: [], labels: [plane.addLabel(app.onb, "review")] });
  await app.deliverWebhooks();
  await runPolls();
  plane.editItem(map, { state: "Done" });
  await runPolls();
  for (const store of ["kept", "lost"] as const) {
    await app.restart({ store });
    await runPolls();
  }
  expect(listWrites()).toEqual([]);
});

test("OPENCLAW-10 a task that Groundcrew created is labelled when its agent changes, also after the store was lost", async () => {
  const { app, plane, runPolls } = await createAgentWorkspace();
  await app.actAs("Concierge").create({ project: "ONB", title: "New", assignee: "Thot" });
  const item = plane.items(app.onb).find(({ name }) => name === "New") ?? "";
  app.advance(MINUTE);
  await app.restart({ store: "lost" });
  await runPolls();
  plane.editItem(item, { assignees: [app.getUser("Imhotep")] });
  await runPolls();
  expect(app.readPlaneItem(plane.item(item) ?? { id: "" }).labels).toEqual(["agent:Imhotep"]);
});

test("OPENCLAW-14 once an agent claims an existing task, Groundcrew writes to that task and its card, and to no other item", async () => {
  const { app, tour, runPolls, listWrites } = await createAgentWorkspace();
  await runPolls(1);
  await app.actAs("Thot").claim(app.toTaskKey(tour));
  await runPolls();
  expect(app.readPlaneItem(tour).labels.toSorted()).toEqual(["agent:Thot", "blocked"]);
  expect(app.readComments(tour).some((text) => text.includes("which was cancelled"))).toBe(true);
  const items = listWrites().flatMap(({ path }) => /work-items\/([^/]+)\//.exec(path)?.[1] ?? []);
  expect(new Set(items)).toEqual(new Set([tour.id]));
});

test("OPENCLAW-10 after a human's command about an existing item, its labels are synchronized and its dependencies are enforced; items that are created later are labelled", async () => {
  const { app, tour, map, runPolls } = await createAgentWorkspace();
  const later = app.addTask("Later", "Thot");
  await app.actAs("Ada").setStatus(app.toTaskKey(tour), { status: "in_progress" });
  await runPolls();
  expect(app.readPlaneItem(tour).labels.toSorted()).toEqual(["agent:Thot", "blocked"]);
  expect([map, later].map((item) => app.readPlaneItem(item).labels)).toEqual([[], ["agent:Thot"]]);
});

test.each([
  ["agents", "the existing tasks of agents get their label, and no assignee changes", []],
  [true, "the labels and assignees of existing items are synchronized in both directions", ["Imhotep"]],
])("OPENCLAW-10 with mirror %s %s", async (mirror, _what, assignees) => {
  const { app, map, fair, runPolls } = await createAgentWorkspace({ mirror });
  await runPolls();
  expect(app.readPlaneItem(map).labels).toEqual(["agent:Thot"]);
  expect(app.readPlaneItem(fair)).toMatchObject({ assignees, labels: ["agent:Imhotep"] });
});

test("the mirroring of existing items is paced: at most 10 items at a poll, after the blockers of agents' tasks were read", async () => {
  const { app, runPolls, listWrites } = await createAgentWorkspace();
  for (let i = 0; i < 12; i += 1) app.addTask(`Old ${i}`, "Thot");
  app.advance(MINUTE);
  await app.restart({ store: "lost", config: { mirror: "agents" } });
  const counts: number[] = [];
  for (let poll = 0; poll < 4; poll += 1) {
    const before = listWrites().length;
    await runPolls(1);
    const writes = listWrites().slice(before);
    counts.push(writes.filter(({ method }) => method === "PATCH").length);
  }
  // At the first poll the blockers of agents' tasks are read first.
  expect(counts[0]).toBe(0);
  expect(Math.max(...counts)).toBeLessThanOrEqual(10);
  // Tour, Map and the 12.
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(14);
});

test("reliability 2: after a crash in any commit of the baseline, the next process reads everything and creates no events for existing items", async () => {
  let crashes = 0;
  for (let ended = true; ended; ) {
    const { app, waiting, open, cycle } = await createExistingWorkspace();
    ended = false;
    const nth = crashes;
    const { commit } = app.store;
    let remaining = nth;
    app.store.commit = (change) => {
      ended ||= remaining === 0;
      remaining -= 1;
      return ended ? Promise.reject(new Error("ended")) : commit(change);
    };
    await pollTick.run(app.deps).catch((thrown: unknown) => {
      if (!ended) throw thrown;
    });
    app.store.commit = commit;
    if (ended) crashes += 1;
    await app.restart();
    await app.pollUntilIdle();
    expect((await app.readItem(waiting))?.blockers, `crash ${nth}`).toEqual([open.id]);
    expect(await app.store.read([observedKeys.cycle(cycle.id)]), `crash ${nth}`).not.toContain(undefined);
    expect(app.takeEvents(), `crash ${nth}`).toEqual([]);
    await app.plane.stop();
  }
  // At least: the projects, the items, a cycle and the end of the baseline.
  expect(crashes).toBeGreaterThan(3);
});
