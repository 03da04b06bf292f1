import { expect, test } from "vitest";
import { MINUTE } from "../../../shared/time.ts";
import { createTestApp } from "../../support/test-app.ts";

async function createKnownItems() {
  const app = await createTestApp();
  const project = app.addProject();
  const item = app.plane.addItem(project, { name: "Guide" });
  app.plane.addItem(project, { name: "Other" });
  app.advance(MINUTE);
  await app.runFirstPoll();
  return { app, plane: app.plane, project, item };
}

test.each([
  ["{}", "event: "],
  ["[]", "the body: "],
  ['{"event":"issue","action":"updated"}', "workspace_id: "],
  ["not JSON at all", "not JSON: "],
  ["[".repeat(10_000), "not JSON: "],
])(
  "reliability 5: an invalid body %j becomes a dead letter at once with its reason, and other webhooks are handled",
  async (poison, reason) => {
    const { app, plane, item } = await createKnownItems();
    for (let i = 0; i < 10; i += 1) await app.enqueueWebhook(poison + " ".repeat(i));
    plane.editItem(item, { state: "Done" });
    await app.deliverWebhooks();
    expect(app.takeEvents()).toEqual(["ONB-1 completed"]);
    const dead = await app.store.listDeadJobs("inbox");
    expect(dead).toHaveLength(10);
    for (const one of dead) expect(one.reason).toContain(reason);
  },
);

test("reliability 5: the reason of a dead letter names the fields that its body lacks", async () => {
  const { app, plane, item } = await createKnownItems();
  plane.editItem(item, { state: "Done" });
  plane.runWorker();
  const body = JSON.parse(plane.deliveries.pending[0]?.body ?? "");
  delete body.data.updated_at;
  body.data.priority = "whatever";
  await app.enqueueWebhook(JSON.stringify(body));
  await app.drain();
  const [dead] = await app.store.listDeadJobs("inbox");
  expect(dead?.reason).toMatch(/^not a valid Plane webhook \(data\.\w+: .*; data\.\w+: /);
});

test("reliability 5: a webhook that becomes a dead letter requests a poll, because it may have reported a change", async () => {
  const { app } = await createKnownItems();
  const pollReasons: string[] = [];
  app.deps.requestPoll = (reason) => pollReasons.push(reason);
  await app.enqueueWebhook("{}");
  await app.drain();
  expect(pollReasons).toEqual(["a webhook could not be parsed"]);
});

test.each([
  ["missing", undefined],
  ["null", null],
  ["a word", "updated"],
  ["empty", {}],
  ["without values", { field: "state", actor: null }],
  ["by an actor of another form", { field: "state", new_value: "x", actor: { id: 7 } }],
])("a delivery whose activity is %s still causes an event", async (_, activity) => {
  const { app, plane, item } = await createKnownItems();
  plane.editItem(item, { state: "Done" });
  plane.runWorker();
  const body = JSON.parse(plane.deliveries.pending[0]?.body ?? "");
  await app.enqueueWebhook(JSON.stringify({ ...body, activity }));
  await app.runUntilIdle();
  expect(app.takeEvents()).toEqual(["ONB-1 completed"]);
});

test("reliability 5: a job that keeps failing becomes a dead letter and can be requeued once when the cause is fixed", async () => {
  const { app, plane, item } = await createKnownItems();
  const ruleSets = app.deps.ruleSets;
  app.deps.ruleSets = [
    {
      name: "broken",
      needsActor: () => false,
      decide: () => {
        throw new Error("a rule that cannot decide");
      },
    },
  ];
  plane.editItem(item, { state: "Done" });
  await app.deliverWebhooks();
  await app.runUntilIdle();
  const [dead] = await app.store.listDeadJobs("inbox");
  expect(dead?.reason).toBe("a rule that cannot decide");
  app.deps.ruleSets = ruleSets;
  expect(await app.store.replay("inbox", dead?.id ?? "")).toBe(true);
  await app.runUntilIdle();
  expect(app.takeEvents()).toEqual(["ONB-1 completed"]);
  expect(await app.store.replay("inbox", dead?.id ?? "")).toBe(false);
  await app.runUntilIdle();
  expect(app.takeEvents()).toEqual([]);
});

test("reliability 6: a repeated old body has no effect: not at once, not after its id is forgotten, not after a restart", async () => {
  const { app, plane, project, item } = await createKnownItems();
  const bodies: string[] = [];
  for (const state of ["In Progress", "Done", "Todo"]) {
    plane.editItem(item, { state });
    bodies.push(...(await app.deliverWebhooks()));
  }
  const deletedItem = plane.addItem(project, { name: "Deleted soon" });
  const comment = plane.addComment(deletedItem, "<p>Words</p>");
  bodies.push(...(await app.deliverWebhooks()));
  plane.deleteComment(comment);
  plane.deleteItem(deletedItem);
  await app.poll();
  await app.runUntilIdle();
  app.takeEvents();
  const replayAll = async () => {
    for (const body of bodies) await app.enqueueWebhook(body);
    await app.runUntilIdle();
    await app.poll();
    return app.takeEvents();
  };
  expect(bodies.length).toBeGreaterThanOrEqual(5);
  expect(await replayAll()).toEqual([]);
  app.advance(3 * 24 * 60 * MINUTE);
  expect(await replayAll()).toEqual([]);
  await app.restart({ store: "lost" });
  expect(await replayAll()).toEqual([]);
  app.advance(MINUTE);
  app.advance(3 * 24 * 60 * MINUTE);
  expect(await replayAll()).toEqual([]);
});

test("a repeated delivery, and several deliveries of one edit, cause one event", async () => {
  const { app, plane, item } = await createKnownItems();
  plane.editItem(item, { name: "Manual", state: "Done", priority: "high", target_date: "2026-12-24" });
  plane.runWorker();
  for (const { id } of plane.deliveries.pending) plane.deliveries.duplicate(id);
  expect(await app.deliverWebhooks()).toHaveLength(8);
  await app.runUntilIdle();
  expect(app.takeEvents()).toEqual(["ONB-1 renamed", "ONB-1 due", "ONB-1 priority", "ONB-1 completed"]);
});

test("a comment whose webhook arrives before that of its item causes a read of the item", async () => {
  const { app, plane, project } = await createKnownItems();
  const item = plane.addItem(project, { name: "New" });
  plane.addComment(item, "<p>Words</p>");
  plane.runWorker();
  plane.deliveries.reorder(plane.deliveries.pending.map(({ id }) => id).reverse());
  await app.deliverWebhooks();
  await app.runUntilIdle();
  expect(app.takeEvents()).toEqual(["ONB-3 created", 'ONB-3 comment_added "Words"']);
});

test("webhooks that arrive before the baseline wait for it and cause no events for existing items", async () => {
  const app = await createTestApp();
  const project = app.addProject();
  const item = app.plane.addItem(project, { name: "Guide" });
  app.plane.editItem(item, { state: "In Progress" });
  await app.deliverWebhooks();
  await app.runUntilIdle();
  expect(app.takeEvents()).toEqual([]);
  expect((await app.readItem(item))?.snapshot.status).toBe("in_progress");
  app.advance(2_000);
  app.plane.editItem(item, { state: "Done" });
  await app.deliverWebhooks();
  expect(app.takeEvents()).toEqual(["ONB-1 completed", "ONB project_completed"]);
});

test("the first webhooks of a new project cause a read of its items", async () => {
  const { app, plane } = await createKnownItems();
  const born = app.addProject("Born", "BORN");
  plane.addItem(born, { name: "First" });
  await app.deliverWebhooks();
  await app.runUntilIdle();
  expect(app.takeEvents().sort()).toEqual(["BORN project_created", "BORN-1 created"]);
});

test("webhooks of unused events are ignored", async () => {
  const { app, plane, item } = await createKnownItems();
  plane.editItem(item, { state: "Done" });
  plane.runWorker();
  const body = JSON.parse(plane.deliveries.pending[0]?.body ?? "");
  for (const more of [
    { ...body, event: "module" },
    { ...body, event: "intake_issue", data: 7 },
    { ...body, action: "deleted", data: { id: item.id } },
  ])
    await app.enqueueWebhook(JSON.stringify(more));
  await app.runUntilIdle();
  expect(app.takeEvents()).toEqual([]);
  expect(await app.store.listDeadJobs("inbox")).toEqual([]);
});
