import { expect, test } from "vitest";
import { createWorkRules } from "../../../functions/work.ts";
import { MINUTE } from "../../../shared/time.ts";
import { createAgentTestApp } from "../../support/agent-test-app.ts";

const RULES = {
  ruleSets: ({ agents }: { agents: Parameters<typeof createWorkRules>[0] }) => [createWorkRules(agents)],
};

/**
 * A workspace that was in use before: Thot's task "Tour" waits for the cancelled "Guide", "Map" is assigned to Thot, and
 * "Fair" has a label for Imhotep.
 */
async function createExistingWorkspace(config: Record<string, unknown> = {}) {
  const app = await createAgentTestApp({ parts: RULES, config });
  const { plane } = app;
  const label = plane.addLabel(app.onb, "agent:Imhotep");
  const guide = app.addTask("Guide", "Imhotep");
  const tour = app.addTask("Tour", "Thot");
  const map = app.addTask("Map", "Thot");
  const fair = app.addTask("Fair", [], { labels: [label] });
  plane.relate(tour, guide);
  plane.editItem(guide, { state: "Cancelled" });
  app.advance(MINUTE);
  await app.runFirstPoll();
  async function runPolls(n = 3) {
    for (let i = 0; i < n; i += 1) {
      await app.poll();
      await app.runUntilIdle();
      app.dropWebhooks();
      app.advance(MINUTE);
    }
  }
  /** Every request that changes something in Plane, as its ledger recorded them. */
  const listWrites = () =>
    plane.ledger.requests
      .filter(({ api, method }) => api && method !== "GET")
      .map(({ method, path }) => [method, path]);
  return { app, plane, guide, tour, map, fair, runPolls, listWrites };
}

test("OPENCLAW-10 existing items keep their labels, states and comments at the first start, at later polls, after a restart and after the store was lost", async () => {
  const { app, runPolls, listWrites } = await createExistingWorkspace();
  await runPolls();
  expect(listWrites()).toEqual([]);
  await app.restart();
  await runPolls();
  expect(listWrites()).toEqual([]);
  await app.restart({ store: "lost" });
  await runPolls();
  expect(listWrites()).toEqual([]);
});

test("OPENCLAW-14 an existing task whose blocker is cancelled after the first start keeps its state, and an agent that only lists changes nothing", async () => {
  const { app, plane, map, runPolls, listWrites } = await createExistingWorkspace();
  const other = app.addTask("Survey", "Imhotep");
  await runPolls(1);
  const before = listWrites().length;
  plane.relate(map, other);
  await runPolls(1);
  plane.editItem(other, { state: "Cancelled" });
  await runPolls();
  await app.actAs("Thot").list({});
  await runPolls();
  expect(listWrites().slice(before)).toEqual([]);
  expect(app.readPlaneItem(map)).toMatchObject({ state: "Backlog", labels: [] });
});

test("OPENCLAW-10 people's changes of an existing item cause no write: assignment, label, state and comment", async () => {
  const { app, plane, map, guide, fair, runPolls, listWrites } = await createExistingWorkspace();
  plane.editItem(map, { assignees: [app.getUser("Imhotep")] });
  plane.editItem(fair, { assignees: [app.getUser("Thot")], state: "In Progress" });
  plane.editItem(guide, { state: "Todo" });
  plane.addComment(map, "<p>Please hurry</p>");
  await app.deliverWebhooks();
  await runPolls();
  plane.editItem(guide, { state: "Cancelled" });
  plane.editItem(map, { assignees: [] });
  await app.deliverWebhooks();
  await runPolls();
  expect(listWrites()).toEqual([]);
});

test("a label review that people put on an existing task stays when they complete the task", async () => {
  const { app, plane, map, runPolls, listWrites } = await createExistingWorkspace();
  plane.editItem(map, { labels: [plane.addLabel(app.onb, "review")] });
  await runPolls();
  plane.editItem(map, { state: "Done" });
  await runPolls();
  expect(listWrites()).toEqual([]);
});

test("OPENCLAW-14 once an agent claims an existing task, Groundcrew writes to that task and its card, and to no other item", async () => {
  const { app, tour, runPolls, listWrites } = await createExistingWorkspace();
  await runPolls(1);
  await app.actAs("Thot").claim(app.toTaskKey(tour));
  await runPolls();
  expect(app.readPlaneItem(tour).labels.toSorted()).toEqual(["agent:Thot", "blocked"]);
  expect(app.readComments(tour).some((text) => text.includes("which was cancelled"))).toBe(true);
  const items = listWrites().flatMap(([, path = ""]) => /work-items\/([^/]+)\//.exec(path)?.[1] ?? []);
  expect(new Set(items)).toEqual(new Set([tour.id]));
});

test("OPENCLAW-10 after a human's command about an existing item, its labels are synchronized and its dependencies are enforced", async () => {
  const { app, tour, map, runPolls } = await createExistingWorkspace();
  await app.actAs("Ada").setStatus(app.toTaskKey(tour), { status: "in_progress" });
  await runPolls();
  expect(app.readPlaneItem(tour).labels.toSorted()).toEqual(["agent:Thot", "blocked"]);
  expect(app.readPlaneItem(map).labels).toEqual([]);
});

test("OPENCLAW-10 items that are created later are labelled, also next to existing ones", async () => {
  const { app, map, runPolls } = await createExistingWorkspace();
  const later = app.addTask("Later", "Thot");
  await runPolls();
  expect(app.readPlaneItem(later).labels).toEqual(["agent:Thot"]);
  expect(app.readPlaneItem(map).labels).toEqual([]);
});

test("OPENCLAW-10 with mirror agents the existing tasks of agents get their label, and no assignee changes", async () => {
  const { app, map, tour, fair, runPolls } = await createExistingWorkspace({ mirror: "agents" });
  await runPolls();
  expect([map, tour].map((item) => app.readPlaneItem(item).labels)).toEqual([["agent:Thot"], ["agent:Thot"]]);
  expect(app.readPlaneItem(fair)).toMatchObject({ assignees: [], labels: ["agent:Imhotep"] });
});

test("OPENCLAW-10 with mirror true the labels and assignees of existing items are synchronized in both directions", async () => {
  const { app, map, fair, runPolls } = await createExistingWorkspace({ mirror: true });
  await runPolls();
  expect(app.readPlaneItem(map).labels).toEqual(["agent:Thot"]);
  expect(app.readPlaneItem(fair)).toMatchObject({ assignees: ["Imhotep"], labels: ["agent:Imhotep"] });
});

test("the mirroring of existing items is paced: at most 10 items at a poll, after the blockers of agents' tasks were read", async () => {
  const { app, runPolls, listWrites } = await createExistingWorkspace();
  for (let i = 0; i < 25; i += 1) app.addTask(`Old ${i}`, "Thot");
  app.advance(MINUTE);
  await app.restart({ store: "lost", config: { mirror: "agents" } });
  const counts: number[] = [];
  for (let poll = 0; poll < 5; poll += 1) {
    const before = listWrites().length;
    await runPolls(1);
    counts.push(
      listWrites()
        .slice(before)
        .filter(([method]) => method === "PATCH").length,
    );
  }
  // At the first poll the blockers of agents' tasks are read first.
  expect(counts[0]).toBe(0);
  expect(Math.max(...counts)).toBeLessThanOrEqual(10);
  // Tour, Map and the 25.
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(27);
});
