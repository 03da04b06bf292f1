import { expect, test } from "vitest";
import { createNotificationRules } from "../../../functions/telegram/rules.ts";
import { notificationRulesSchema } from "../../../shared/config/notification-rules.ts";
import { MINUTE } from "../../../shared/time.ts";
import type { PlaneFault } from "../../../simulators/plane/test-controls.ts";
import { createTestApp, type TestAppOptions } from "../../support/test-app.ts";

const UNAVAILABLE: PlaneFault = { kind: "status", status: 503 };
const DETAILS = /\/(?:comments|relations)\//;

/** A project with observed items, and no other work left. */
async function createItems(count: number, options: TestAppOptions = {}) {
  const app = await createTestApp(options);
  const project = app.addProject();
  const items = Array.from({ length: count }, (_, i) => app.plane.addItem(project, { name: `Item ${i + 1}` }));
  app.advance(MINUTE);
  await app.runFirstPoll();
  app.advance(20 * MINUTE);
  app.plane.ledger.clear();
  const [item] = items;
  if (!item) throw new Error("no item");
  return {
    app,
    plane: app.plane,
    project,
    items,
    item,
    countPending: async () => (await app.store.stats()).queues.observe.pending,
    /** The answered reads of details since the last call, as `relations Item 1`. */
    takeReads() {
      const reads = app.plane.ledger.requests.filter(({ path, status }) => DETAILS.test(path) && status === 200);
      app.plane.ledger.clear();
      return reads.map(({ path }) => {
        const found = items.find(({ id }) => path.includes(id));
        return `${path.includes("/relations/") ? "relations" : "comments"} ${found?.name}`;
      });
    },
  };
}

test("an item that changes while its details wait has one job, which reads each part once", async () => {
  const { app, plane, item, countPending, takeReads } = await createItems(3);
  const removeFault = plane.faults.add({ path: DETAILS }, UNAVAILABLE);
  for (let i = 0; i < 5; i += 1) {
    plane.editItem(item, { priority: i % 2 ? "low" : "high" });
    app.dropWebhooks();
    await app.poll();
    expect(await countPending()).toBe(1);
    app.advance(MINUTE);
  }
  removeFault();
  await app.runUntilIdle();
  expect(takeReads()).toEqual(["relations Item 1", "comments Item 1"]);
});

test("when the second call is refused for lack of quota, the first is not repeated", async () => {
  const { app, plane, item, takeReads } = await createItems(1);
  plane.addComment(item, "<p>Look here</p>");
  app.dropWebhooks();
  plane.faults.add({ path: "/comments/" }, { kind: "rate limited", retryAfter: 30 }, 3);
  await app.poll();
  await app.runUntilIdle();
  expect(takeReads()).toEqual(["relations Item 1", "comments Item 1"]);
  expect(app.takeEvents()).toEqual(['ONB-1 comment_added "Look here"']);
});

test("a change that a read of details has seen is not read again when a later poll shows it", async () => {
  const { app, plane, item, takeReads } = await createItems(1);
  const removeFault = plane.faults.add({ path: DETAILS }, UNAVAILABLE);
  plane.editItem(item, { priority: "high" });
  app.dropWebhooks();
  await app.poll();
  plane.addComment(item, "<p>After the poll</p>");
  app.dropWebhooks();
  removeFault();
  app.advance(MINUTE);
  await app.runUntilIdle();
  expect(takeReads()).toEqual(["relations Item 1", "comments Item 1"]);
  expect(app.takeEvents()).toEqual(["ONB-1 priority", 'ONB-1 comment_added "After the poll"']);
  await app.poll();
  await app.runUntilIdle();
  expect(takeReads()).toEqual([]);
});

test("details that are no longer needed are not read: all of a removed item, and the relations of a done one", async () => {
  const { app, plane, items, item, takeReads } = await createItems(2);
  const removed = items[1];
  if (!removed) throw new Error("no item");
  const removeFault = plane.faults.add({ path: DETAILS }, UNAVAILABLE);
  for (const one of items) plane.editItem(one, { priority: "high" });
  app.dropWebhooks();
  await app.poll();
  plane.editItem(item, { state: "Done" });
  plane.deleteItem(removed);
  app.dropWebhooks();
  await app.poll();
  removeFault();
  app.takeEvents();
  await app.runUntilIdle();
  expect(takeReads()).toEqual(["comments Item 1"]);
  expect((await app.readItem(removed))?.unread).toBeUndefined();
});

test("relations of agents' tasks are read first, then what a rule could match, then the rest", async () => {
  const agent = { name: "Thot", email: "thot@javisi.local.test" };
  const rules = notificationRulesSchema.parse([{ events: ["blocked", "comment_added"], priorities: ["urgent"] }]);
  const { app, plane, project, items, takeReads } = await createItems(12, {
    agents: [agent],
    parts: { ruleSets: () => [createNotificationRules(rules, 4711)] },
    outbox: { queue: "outbox", leaseMs: 60_000, concurrency: 1, handle: async () => ({ done: true }) },
  });
  const thot = plane.addUser({ name: "Thot", email: agent.email });
  plane.addProjectMember(project, thot);
  const label = plane.addLabel(project, "agent:Thot");
  app.advance(20 * MINUTE);
  for (const [i, one] of items.entries()) {
    if (i % 3 === 0) plane.editItem(one, { assignees: [thot], labels: [label] });
    else plane.editItem(one, { priority: i % 3 === 1 ? "urgent" : "low" });
  }
  app.dropWebhooks();
  await app.poll();
  await app.runUntilIdle();
  const groups = takeReads().map((read) => {
    const [part, , number] = read.split(" ");
    return `${part} ${["agent", "rule", "rest"][(Number(number) - 1) % 3]}`;
  });
  const order = ["relations agent", "relations rule", "relations rest", "comments agent", "comments rule"];
  expect(groups).toEqual([...order, "comments rest"].flatMap((group) => Array.from({ length: 4 }, () => group)));
});

test("an item whose details cannot be read moves to a job of its own and holds up no other item", async () => {
  const { app, plane, items, item, countPending, takeReads } = await createItems(3);
  plane.faults.add({ path: new RegExp(`${item.id}/relations`) }, { kind: "status", status: 200, body: '"none"' });
  for (const one of items) plane.editItem(one, { priority: "high" });
  app.dropWebhooks();
  await app.poll();
  const others = takeReads().filter((read) => !read.endsWith("Item 1"));
  expect(others.toSorted()).toEqual(
    ["Item 2", "Item 3"].flatMap((name) => [`comments ${name}`, `relations ${name}`]).toSorted(),
  );
  expect(await countPending()).toBe(1);
  await app.runUntilIdle();
  expect((await app.store.listDeadJobs("observe")).map(({ lane }) => lane)).toEqual([`details:${item.id}`]);
});
