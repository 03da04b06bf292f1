import { expect, test } from "vitest";
import { MINUTE } from "../../../shared/time.ts";
import { createTestApp } from "../../support/test-app.ts";

async function createKnownItems() {
  const crew = await createTestApp();
  const project = crew.addProject();
  const item = crew.plane.addItem(project, { name: "Guide" });
  crew.plane.addItem(project, { name: "Other" });
  crew.advance(MINUTE);
  await crew.runFirstPoll();
  return { crew, plane: crew.plane, project, item };
}

test.each([
  ["{}", "event: "],
  ["[]", "the body: "],
  ['{"event":"issue","action":"updated"}', "workspace_id: "],
  ["not JSON at all", "not JSON: "],
  ["[".repeat(10_000), "not JSON: "],
])("5: a poison body %j is set aside at once with its reason, and the others flow", async (poison, reason) => {
  const { crew, plane, item } = await createKnownItems();
  for (let i = 0; i < 10; i += 1) await crew.enqueueWebhook(poison + " ".repeat(i));
  plane.editItem(item, { state: "Done" });
  await crew.deliverWebhooks();
  expect(crew.takeEvents()).toEqual(["ONB-1 completed"]);
  const dead = await crew.store.listDeadJobs("inbox");
  expect(dead).toHaveLength(10);
  for (const one of dead) expect(one.reason).toContain(reason);
});

test("5: a body of ours that misses what we need says what is missing", async () => {
  const { crew, plane, item } = await createKnownItems();
  plane.editItem(item, { state: "Done" });
  plane.runWorker();
  const body = JSON.parse(plane.deliveries.pending[0]?.body ?? "");
  delete body.data.updated_at;
  body.data.priority = "whatever";
  await crew.enqueueWebhook(JSON.stringify(body));
  await crew.drain();
  const [dead] = await crew.store.listDeadJobs("inbox");
  expect(dead?.reason).toMatch(/^not a valid Plane webhook \(data\.\w+: .*; data\.\w+: /);
});

test("5: what is set aside asks for a poll, for it may have told of a change", async () => {
  const { crew } = await createKnownItems();
  const asked: string[] = [];
  crew.deps.requestPoll = (reason) => asked.push(reason);
  await crew.enqueueWebhook("{}");
  await crew.drain();
  expect(asked).toEqual(["a webhook could not be parsed"]);
});

test.each([
  ["missing", undefined],
  ["null", null],
  ["a word", "updated"],
  ["empty", {}],
  ["without values", { field: "state", actor: null }],
  ["by an actor of another form", { field: "state", new_value: "x", actor: { id: 7 } }],
])("a delivery whose activity is %s is told all the same", async (_, activity) => {
  const { crew, plane, item } = await createKnownItems();
  plane.editItem(item, { state: "Done" });
  plane.runWorker();
  const body = JSON.parse(plane.deliveries.pending[0]?.body ?? "");
  await crew.enqueueWebhook(JSON.stringify({ ...body, activity }));
  await crew.runUntilIdle();
  expect(crew.takeEvents()).toEqual(["ONB-1 completed"]);
});

test("5: an event that fails again and again is set aside; once the cause is mended, replay works once", async () => {
  const { crew, plane, item } = await createKnownItems();
  const whole = crew.deps.ruleSets;
  crew.deps.ruleSets = [
    {
      name: "broken",
      needsActor: () => false,
      decide: () => {
        throw new Error("a rule that cannot decide");
      },
    },
  ];
  plane.editItem(item, { state: "Done" });
  await crew.deliverWebhooks();
  await crew.runUntilIdle();
  const [dead] = await crew.store.listDeadJobs("inbox");
  expect(dead?.reason).toBe("a rule that cannot decide");
  crew.deps.ruleSets = whole;
  expect(await crew.store.replay("inbox", dead?.id ?? "")).toBe(true);
  await crew.runUntilIdle();
  expect(crew.takeEvents()).toEqual(["ONB-1 completed"]);
  expect(await crew.store.replay("inbox", dead?.id ?? "")).toBe(false);
  await crew.runUntilIdle();
  expect(crew.takeEvents()).toEqual([]);
});

test("6: an old body replayed has no effect: not at once, not when its id is forgotten, not after a restart", async () => {
  const { crew, plane, project, item } = await createKnownItems();
  const bodies: string[] = [];
  for (const state of ["In Progress", "Done", "Todo"]) {
    plane.editItem(item, { state });
    bodies.push(...(await crew.deliverWebhooks()));
  }
  const gone = plane.addItem(project, { name: "Deleted soon" });
  const comment = plane.addComment(gone, "<p>Words</p>");
  bodies.push(...(await crew.deliverWebhooks()));
  plane.deleteComment(comment);
  plane.deleteItem(gone);
  await crew.poll();
  await crew.runUntilIdle();
  crew.takeEvents();
  const replayAll = async () => {
    for (const body of bodies) await crew.enqueueWebhook(body);
    await crew.runUntilIdle();
    await crew.poll();
    return crew.takeEvents();
  };
  expect(bodies.length).toBeGreaterThanOrEqual(5);
  expect(await replayAll()).toEqual([]);
  crew.advance(3 * 24 * 60 * MINUTE);
  expect(await replayAll()).toEqual([]);
  await crew.restart({ store: "lost" });
  expect(await replayAll()).toEqual([]);
  crew.advance(MINUTE);
  crew.advance(3 * 24 * 60 * MINUTE);
  expect(await replayAll()).toEqual([]);
});

test("a delivery doubled, and n deliveries of one edit, are one event", async () => {
  const { crew, plane, item } = await createKnownItems();
  plane.editItem(item, { name: "Manual", state: "Done", priority: "high", target_date: "2026-12-24" });
  plane.runWorker();
  for (const { id } of plane.deliveries.pending) plane.deliveries.duplicate(id);
  expect(await crew.deliverWebhooks()).toHaveLength(8);
  await crew.runUntilIdle();
  expect(crew.takeEvents()).toEqual(["ONB-1 renamed", "ONB-1 due", "ONB-1 priority", "ONB-1 completed"]);
});

test("a comment that comes before its item's own webhook brings the item with it", async () => {
  const { crew, plane, project } = await createKnownItems();
  const item = plane.addItem(project, { name: "New" });
  plane.addComment(item, "<p>Words</p>");
  plane.runWorker();
  plane.deliveries.reorder(plane.deliveries.pending.map(({ id }) => id).reverse());
  await crew.deliverWebhooks();
  await crew.runUntilIdle();
  expect(crew.takeEvents()).toEqual(["ONB-3 created", 'ONB-3 comment_added "Words"']);
});

test("webhooks that come before the first look wait for it, and tell nothing old", async () => {
  const crew = await createTestApp();
  const project = crew.addProject();
  const item = crew.plane.addItem(project, { name: "Guide" });
  crew.plane.editItem(item, { state: "In Progress" });
  await crew.deliverWebhooks();
  await crew.runUntilIdle();
  expect(crew.takeEvents()).toEqual([]);
  expect((await crew.readItem(item))?.snapshot.word).toBe("in_progress");
  crew.advance(2_000);
  crew.plane.editItem(item, { state: "Done" });
  await crew.deliverWebhooks();
  expect(crew.takeEvents()).toEqual(["ONB-1 completed", "ONB project_completed"]);
});

test("a new project's first webhooks are followed by its items", async () => {
  const { crew, plane } = await createKnownItems();
  const born = crew.addProject("Born", "BORN");
  plane.addItem(born, { name: "First" });
  await crew.deliverWebhooks();
  await crew.runUntilIdle();
  expect(crew.takeEvents().sort()).toEqual(["BORN project_created", "BORN-1 created"]);
});

test("what Plane may say besides is nothing to us", async () => {
  const { crew, plane, item } = await createKnownItems();
  plane.editItem(item, { state: "Done" });
  plane.runWorker();
  const body = JSON.parse(plane.deliveries.pending[0]?.body ?? "");
  for (const more of [
    { ...body, event: "module" },
    { ...body, event: "intake_issue", data: 7 },
    { ...body, action: "deleted", data: { id: item.id } },
  ])
    await crew.enqueueWebhook(JSON.stringify(more));
  await crew.runUntilIdle();
  expect(crew.takeEvents()).toEqual([]);
  expect(await crew.store.listDeadJobs("inbox")).toEqual([]);
});
