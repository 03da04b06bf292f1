import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { manifest } from "../../../functions/index.ts";
import { inboxHandler } from "../../../functions/webhooks/inbox-handler.ts";
import { connectRedisStore } from "../../../runtime/stores/redis/redis-store.ts";
import { createMemoryStore, createSqliteStore } from "../../../runtime/stores/sqlite-store.ts";
import type { JobHandler } from "../../../shared/app/deps.ts";
import { inboxBodySchema, storedUpdateBodySchema } from "../../../shared/jobs/incoming-jobs.ts";
import type { Queue, Store } from "../../../shared/store/port.ts";
import { hasRedisServer, startRedis } from "../../support/redis-server.ts";
import { createBearerHeaders, postWebhook, RUNTIME_ADMIN_TOKEN, startTestRuntime } from "../../support/test-runtime.ts";
import { updatesHandler } from "../../support/updates-handler.ts";
import { createWebhookHeaders } from "../../support/webhook-signature.ts";

const SECRET = "a-secret-of-these-tests_0123456789";
const TELEGRAM_ENV = {
  TELEGRAM_BOT_TOKEN: "123456:ABC-def_0123456789",
  TELEGRAM_CHAT_ID: "42",
  TELEGRAM_API_ROOT: "http://127.0.0.1:1",
  TELEGRAM_WEBHOOK_SECRET: SECRET,
};

const STORES: [name: string, open: () => Promise<Store>][] = [
  ["memory", async () => createMemoryStore({ clock: Date.now })],
  [
    "SQLite",
    async () => {
      const folder = mkdtempSync(join(tmpdir(), "groundcrew-unreadable-"));
      onTestFinished(() => rmSync(folder, { recursive: true }));
      return createSqliteStore({ folder, clock: Date.now });
    },
  ],
  ...(hasRedisServer()
    ? [
        [
          "Redis",
          async () => {
            const server = await startRedis();
            onTestFinished(() => server.stop());
            return connectRedisStore({ url: server.url, prefix: "t", clock: Date.now });
          },
        ] satisfies [string, () => Promise<Store>],
      ]
    : []),
];

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

const CASES = STORES.flatMap(([name, open]) => BODIES.map(([what, bytes]) => ({ name, open, what, bytes })));

test.each(CASES)(
  "reliability 5: a signed webhook $what becomes a failed job with its bytes and one line in the log ($name)",
  async ({ open, bytes }) => {
    const store = await open();
    onTestFinished(() => store.close());
    const { url, lines } = await start(store, inboxHandler);
    expect((await postWebhook(url, bytes)).status).toBe(200);
    const dead = await expectDeadLetter(store, "inbox");
    expect(readBytes(inboxBodySchema.parse(dead.body)).equals(bytes)).toBe(true);
    expect(dead.reason).toMatch(/^not (?:JSON|UTF-8|a valid Plane webhook)/);
    await expect.poll(() => lines.filter(({ message }) => message === "job moved to dead letters")).toHaveLength(1);
  },
);

test.each(CASES)(
  "reliability 5: an update from Telegram $what becomes a failed job with its bytes ($name)",
  async ({ open, bytes }) => {
    const store = await open();
    onTestFinished(() => store.close());
    const { url } = await start(store, updatesHandler, TELEGRAM_ENV);
    const headers = { "content-type": "application/json", "x-telegram-bot-api-secret-token": SECRET };
    const response = await fetch(`${url}/webhooks/telegram`, { method: "POST", headers, body: bytes });
    expect(response.status).toBe(200);
    const dead = await expectDeadLetter(store, "updates");
    const body = storedUpdateBodySchema.parse(dead.body);
    expect(body.type === "unread_update" && readBytes(body).equals(bytes)).toBe(true);
    expect(dead.reason).toMatch(/^not (?:JSON|UTF-8|a valid Telegram update)/);
  },
);

test.each(STORES)(
  "reliability 5: a version that can read a kept webhook handles it after a requeue, with the same bytes (%s)",
  async (_, open) => {
    const store = await open();
    onTestFinished(() => store.close());
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
  },
);

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
