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
])(
  "5: an invalid body %j becomes a dead letter at once with its reason, and other webhooks are handled",
  async (poison, reason) => {
    const { crew, plane, item } = await createKnownItems();
    for (let i = 0; i < 10; i += 1) await crew.enqueueWebhook(poison + " ".repeat(i));
    plane.editItem(item, { state: "Done" });
    await crew.deliverWebhooks();
    expect(crew.takeEvents()).toEqual(["ONB-1 completed"]);
    const dead = await crew.store.listDeadJobs("inbox");
    expect(dead).toHaveLength(10);
    for (const one of dead) expect(one.reason).toContain(reason);
  },
);

test("5: the reason of a dead letter names the fields that its body lacks", async () => {
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

test("5: a webhook that becomes a dead letter requests a poll, because it may have reported a change", async () => {
  const { crew } = await createKnownItems();
  const pollReasons: string[] = [];
  crew.deps.requestPoll = (reason) => pollReasons.push(reason);
  await crew.enqueueWebhook("{}");
  await crew.drain();
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
  const { crew, plane, item } = await createKnownItems();
  plane.editItem(item, { state: "Done" });
  plane.runWorker();
  const body = JSON.parse(plane.deliveries.pending[0]?.body ?? "");
  await crew.enqueueWebhook(JSON.stringify({ ...body, activity }));
  await crew.runUntilIdle();
  expect(crew.takeEvents()).toEqual(["ONB-1 completed"]);
});

test("5: a job that keeps failing becomes a dead letter and can be requeued once when the cause is fixed", async () => {
  const { crew, plane, item } = await createKnownItems();
  const ruleSets = crew.deps.ruleSets;
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
  crew.deps.ruleSets = ruleSets;
  expect(await crew.store.replay("inbox", dead?.id ?? "")).toBe(true);
  await crew.runUntilIdle();
  expect(crew.takeEvents()).toEqual(["ONB-1 completed"]);
  expect(await crew.store.replay("inbox", dead?.id ?? "")).toBe(false);
  await crew.runUntilIdle();
  expect(crew.takeEvents()).toEqual([]);
});

test("6: a repeated old body has no effect: not at once, not after its id is forgotten, not after a restart", async () => {
  const { crew, plane, project, item } = await createKnownItems();
  const bodies: string[] = [];
  for (const state of ["In Progress", "Done", "Todo"]) {
    plane.editItem(item, { state });
    bodies.push(...(await crew.deliverWebhooks()));
  }
  const deletedItem = plane.addItem(project, { name: "Deleted soon" });
  const comment = plane.addComment(deletedItem, "<p>Words</p>");
  bodies.push(...(await crew.deliverWebhooks()));
  plane.deleteComment(comment);
  plane.deleteItem(deletedItem);
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

test("a repeated delivery, and several deliveries of one edit, cause one event", async () => {
  const { crew, plane, item } = await createKnownItems();
  plane.editItem(item, { name: "Manual", state: "Done", priority: "high", target_date: "2026-12-24" });
  plane.runWorker();
  for (const { id } of plane.deliveries.pending) plane.deliveries.duplicate(id);
  expect(await crew.deliverWebhooks()).toHaveLength(8);
  await crew.runUntilIdle();
  expect(crew.takeEvents()).toEqual(["ONB-1 renamed", "ONB-1 due", "ONB-1 priority", "ONB-1 completed"]);
});

test("a comment whose webhook arrives before that of its item causes a read of the item", async () => {
  const { crew, plane, project } = await createKnownItems();
  const item = plane.addItem(project, { name: "New" });
  plane.addComment(item, "<p>Words</p>");
  plane.runWorker();
  plane.deliveries.reorder(plane.deliveries.pending.map(({ id }) => id).reverse());
  await crew.deliverWebhooks();
  await crew.runUntilIdle();
  expect(crew.takeEvents()).toEqual(["ONB-3 created", 'ONB-3 comment_added "Words"']);
});

test("webhooks that arrive before the baseline wait for it and cause no events for existing items", async () => {
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

test("the first webhooks of a new project cause a read of its items", async () => {
  const { crew, plane } = await createKnownItems();
  const born = crew.addProject("Born", "BORN");
  plane.addItem(born, { name: "First" });
  await crew.deliverWebhooks();
  await crew.runUntilIdle();
  expect(crew.takeEvents().sort()).toEqual(["BORN project_created", "BORN-1 created"]);
});

test("webhooks of unused events are ignored", async () => {
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
