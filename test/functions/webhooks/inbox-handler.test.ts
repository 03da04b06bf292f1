import { expect, test } from "vitest";
import { manifest } from "../../../functions/index.ts";
import { inboxHandler } from "../../../functions/webhooks/webhook-routes.ts";
import { createMemoryStore } from "../../../runtime/stores/sqlite-store.ts";
import type { JobHandler } from "../../../shared/app/deps.ts";
import { inboxBodySchema, storedUpdateBodySchema } from "../../../shared/jobs/incoming-jobs.ts";
import type { Queue, Store } from "../../../shared/store/port.ts";
import { MINUTE } from "../../../shared/time.ts";
import { createTestApp } from "../../support/test-app.ts";
import { createBearerHeaders, postWebhook, RUNTIME_ADMIN_TOKEN, startTestRuntime } from "../../support/test-runtime.ts";
import { updatesHandler } from "../../support/updates-handler.ts";
import { createWebhookHeaders } from "../../support/webhook-signature.ts";

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
  await app.deliverUntilIdle();
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
  await app.pollUntilIdle();
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
  await app.deliverUntilIdle();
  expect(app.takeEvents()).toEqual(["ONB-3 created", 'ONB-3 comment_added "Words"']);
});

test("webhooks that arrive before the baseline wait for it and cause no events for existing items", async () => {
  const app = await createTestApp();
  const project = app.addProject();
  const item = app.plane.addItem(project, { name: "Guide" });
  app.plane.editItem(item, { state: "In Progress" });
  await app.deliverUntilIdle();
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
  await app.deliverUntilIdle();
  expect(app.takeEvents().sort()).toEqual(["BORN project_created", "BORN-1 created"]);
});

const SECRET = "a-secret-of-these-tests_0123456789";
const TELEGRAM_ENV = {
  TELEGRAM_BOT_TOKEN: "123456:ABC-def_0123456789",
  TELEGRAM_CHAT_ID: "42",
  TELEGRAM_API_ROOT: "http://127.0.0.1:1",
  TELEGRAM_WEBHOOK_SECRET: SECRET,
};

const toBytes = (text: string) => new TextEncoder().encode(text);
const NOT_UTF8 = Uint8Array.from([...toBytes('{"event":"issue","text":"'), 0xff, 0xfe, 0xc0, 0x00, ...toBytes('"}')]);

const BODIES: [name: string, bytes: Uint8Array<ArrayBuffer>][] = [
  ["that is not JSON", toBytes("event=issue")],
  ["that ends early", toBytes('{"event":"issue","data":{"id":"1"')],
  ["that is empty", toBytes("")],
  ["that is a list", toBytes("[]")],
  ["with a byte order mark", toBytes("\ufeff{}")],
  ["with a NUL byte", toBytes('{"event":"issue\u0000"}')],
  ["that is not UTF-8", NOT_UTF8],
  ["that is nested 100,000 levels deep", toBytes(`{"event":${"[".repeat(100_000)}`)],
  ["whose event is a number", toBytes('{"event":7,"action":"updated","data":{"id":"1"}}')],
];

/** Starts the product with only one job handler. */
function start(store: Store, handler: JobHandler, env = {}) {
  const only = { ...manifest, ticks: [], services: [], jobHandlers: [handler], ruleSets: () => [] };
  return startTestRuntime({ store: { ...store, close: async () => {} }, manifest: only, env });
}

async function expectDeadLetter(store: Store, queue: Queue) {
  await expect.poll(async () => (await store.stats()).queues[queue].dead, { timeout: 20_000 }).toBe(1);
  const [dead] = await store.listDeadJobs(queue);
  if (!dead) throw new Error("There is no dead letter.");
  return dead;
}

const readBytes = ({ raw, encoding }: { raw: string; encoding?: "base64" }) => Buffer.from(raw, encoding ?? "utf8");

function replay(url: string, { queue, id }: { queue: Queue; id: string }) {
  const path = `/dead-letters/${queue}/${encodeURIComponent(id)}/replay`;
  return fetch(url + path, { method: "POST", ...createBearerHeaders(RUNTIME_ADMIN_TOKEN) });
}

test.each(BODIES)(
  "reliability 5: a signed webhook or an update from Telegram %s becomes a failed job with its bytes and one line in the log",
  async (_, bytes) => {
    const store = createMemoryStore({ clock: Date.now });
    const webhooks = await start(store, inboxHandler);
    expect((await postWebhook(webhooks.url, bytes)).status).toBe(200);
    const dead = await expectDeadLetter(store, "inbox");
    expect(readBytes(inboxBodySchema.parse(dead.body)).equals(bytes)).toBe(true);
    expect(dead.reason).toMatch(/^not (?:JSON|UTF-8|a valid Plane webhook)/);
    const readLines = () => webhooks.lines.filter(({ message }) => message === "job moved to dead letters");
    await expect.poll(readLines).toHaveLength(1);
    await webhooks.stop();

    const updates = await start(store, updatesHandler, TELEGRAM_ENV);
    const headers = { "content-type": "application/json", "x-telegram-bot-api-secret-token": SECRET };
    const init = { method: "POST", headers, body: bytes };
    expect((await fetch(`${updates.url}/webhooks/telegram`, init)).status).toBe(200);
    const deadUpdate = await expectDeadLetter(store, "updates");
    const body = storedUpdateBodySchema.parse(deadUpdate.body);
    expect(body.type === "unread_update" && readBytes(body).equals(bytes)).toBe(true);
    expect(deadUpdate.reason).toMatch(/^not (?:JSON|UTF-8|a valid Telegram update)/);
  },
);

test("reliability 5: a version that can read a kept webhook handles it after a requeue, with the same bytes", async () => {
  const store = createMemoryStore({ clock: Date.now });
  const old = await start(store, inboxHandler);
  expect((await postWebhook(old.url, NOT_UTF8)).status).toBe(200);
  const dead = await expectDeadLetter(store, "inbox");
  await old.stop();
  const handled: Buffer[] = [];
  const newer = await start(store, {
    ...inboxHandler,
    async handle(_deps, { body }) {
      handled.push(readBytes(inboxBodySchema.parse(body)));
      return { done: true };
    },
  });
  expect((await replay(newer.url, dead)).status).toBe(200);
  await expect.poll(() => handled).toEqual([Buffer.from(NOT_UTF8)]);
  expect((await store.stats()).queues.inbox).toMatchObject({ pending: 0, dead: 0 });
  expect((await replay(newer.url, dead)).status).toBe(404);
});

test("reliability 5: a kept webhook that is discarded does not come back when Plane repeats it", async () => {
  const store = createMemoryStore({ clock: Date.now });
  const { url } = await start(store, inboxHandler);
  await postWebhook(url, toBytes("broken"));
  const { queue, id } = await expectDeadLetter(store, "inbox");
  const path = `/dead-letters/${queue}/${id}`;
  await fetch(url + path, { method: "DELETE", ...createBearerHeaders(RUNTIME_ADMIN_TOKEN) });
  expect((await postWebhook(url, toBytes("broken"))).status).toBe(200);
  expect((await store.stats()).queues.inbox).toMatchObject({ pending: 0, dead: 0 });
});

test("a webhook that cannot be read and has a wrong signature is refused and not kept", async () => {
  const store = createMemoryStore({ clock: Date.now });
  const { url } = await start(store, inboxHandler);
  expect((await postWebhook(url, NOT_UTF8, createWebhookHeaders(toBytes("other")))).status).toBe(401);
  expect((await store.stats()).queues.inbox).toMatchObject({ pending: 0, dead: 0 });
});
