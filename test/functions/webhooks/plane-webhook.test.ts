import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { z } from "zod";
import { planeWebhookRoute } from "../../../functions/webhooks/webhook-routes.ts";
import { createMemoryStore } from "../../../runtime/stores/sqlite-store.ts";
import { inboxBodySchema } from "../../../shared/jobs/incoming-jobs.ts";
import { getWebhookSecrets } from "../../../shared/telegram/chat-settings.ts";
import { readRecordedDeliveries } from "../../support/plane-replay-server.ts";
import { formatRequestHead, openConnection } from "../../support/raw-connection.ts";
import { TELEGRAM_ENV } from "../../support/settings.ts";
import { postWebhook, startTestRuntime, type TestRuntime } from "../../support/test-runtime.ts";
import { createWebhookHeaders, SHORT_DELIVERY, signBody, WEBHOOK_SECRET } from "../../support/webhook-signature.ts";

const recorded = readRecordedDeliveries();

async function readRefusal(response: Response) {
  const { error } = z.object({ error: z.object({ code: z.string() }) }).parse(await response.json());
  return [response.status, error.code];
}

const COMMENT = JSON.stringify({ event: "issue_comment", data: { id: "comment-1", issue: "item-1" } });

const countPending = async ({ store }: Pick<TestRuntime, "store">) => (await store.stats()).queues.inbox.pending;

test("A delivery that Plane signed (NOTIF-02) is stored once, unchanged, counted, and logged with the correlation id of its job", async () => {
  const { url, store, deps, lines } = await startTestRuntime();
  const first = await postWebhook(url, SHORT_DELIVERY);
  expect([first.status, await first.json()]).toEqual([200, { ok: true }]);
  expect((await postWebhook(url, SHORT_DELIVERY)).status).toBe(200);
  await postWebhook(url, SHORT_DELIVERY, {});
  const [job, ...others] = await store.take("inbox", 1000, 10);
  expect(others).toEqual([]);
  expect(job).toMatchObject({
    id: createHash("sha256").update(SHORT_DELIVERY).digest("hex"),
    lane: "525a36c6-0000-4000-8000-000000000001",
  });
  const { raw, correlation } = inboxBodySchema.parse(job?.body);
  expect(raw).toBe(SHORT_DELIVERY);
  expect(lines.filter((line) => line["correlation"] === correlation)).toEqual([
    expect.objectContaining({ message: "request", status: 200, job: job?.id, event: "issue", action: "updated" }),
  ]);
  expect(JSON.stringify(lines)).not.toContain(WEBHOOK_SECRET);
  const text = (await deps.scrape?.())?.text;
  expect(text).toMatch(/groundcrew_webhooks_total\{source="plane",outcome="kept"\} \d/);
  expect(text).toContain('groundcrew_webhooks_total{source="plane",outcome="unauthorized"} 1');
});

test("A delivery that Plane signed (NOTIF-02) is accepted for every recorded body with its real signature, in the lane of its work item", async () => {
  const { url, store } = await startTestRuntime({ env: { PLANE_WEBHOOK_SECRET: recorded.secret } });
  expect(recorded.deliveries).toHaveLength(30);
  for (const { headers, raw_body } of [...recorded.deliveries, ...recorded.deliveries]) {
    const sent = { ...headers, "x-plane-delivery": crypto.randomUUID() };
    expect((await postWebhook(url, raw_body, sent)).status).toBe(200);
  }
  // Comments are in the queue of what people say.
  await postWebhook(url, COMMENT, createWebhookHeaders(COMMENT, recorded.secret));
  const lanes = new Map<string, string>();
  const take = async () => [...(await store.take("inbox", 1000, 100)), ...(await store.take("people", 1000, 100))];
  for (let jobs = await take(); jobs.length > 0; jobs = await take()) {
    for (const job of jobs) {
      const { raw } = inboxBodySchema.parse(job.body);
      expect(lanes.has(raw)).toBe(false);
      lanes.set(raw, job.lane);
      await store.acknowledge(job, { done: true });
    }
  }
  const expected = recorded.deliveries.map(({ raw_body }) => {
    const { data } = JSON.parse(raw_body);
    return [raw_body, data.issue ?? data.id] as const;
  });
  expect(lanes).toEqual(new Map([...expected, [COMMENT, "item-1"]]));
});

test("A delivery is accepted under the old and the new secret while both are valid", async () => {
  const { url } = await startTestRuntime({ env: { PLANE_WEBHOOK_SECRET: "the-new-secret,the-old-secret" } });
  for (const secret of ["the-new-secret", "the-old-secret"])
    expect((await postWebhook(url, SHORT_DELIVERY, createWebhookHeaders(SHORT_DELIVERY, secret))).status).toBe(200);
});

test("reliability 16: a body that is compressed, of another type than JSON or too large is refused; a deep one, or one with __proto__, is stored as text", async () => {
  const { url, store } = await startTestRuntime({ env: { WEBHOOK_MAX_BYTES: "30000" } });
  const types = ["text/plain", "application/x-www-form-urlencoded", "application/json-seq", ""];
  const refused: [Uint8Array<ArrayBuffer> | string, Record<string, string>, number, string][] = [
    [Uint8Array.from(gzipSync(SHORT_DELIVERY)), { "content-encoding": "gzip" }, 415, "unsupported_type"],
    ...types.map((type) => [SHORT_DELIVERY, { "content-type": type }, 415, "unsupported_type"] as (typeof refused)[0]),
    [JSON.stringify({ text: "x".repeat(30_000) }), {}, 413, "too_large"],
  ];
  for (const [body, headers, ...refusal] of refused) {
    const response = await postWebhook(url, body, { ...createWebhookHeaders(body), ...headers });
    expect.soft(await readRefusal(response)).toEqual(refusal);
  }
  const nested = `{"event":"issue","data":${"[".repeat(10_000)}${"]".repeat(10_000)}}`;
  const proto = '{"event":"issue","__proto__":{"polluted":true},"data":{"id":"1","__proto__":{"polluted":true}}}';
  for (const raw of [nested, proto]) {
    expect((await postWebhook(url, raw)).status).toBe(200);
    expect((await store.take("inbox", 1000, 1))[0]?.body).toMatchObject({ raw });
  }
  expect(Reflect.get({}, "polluted")).toBeUndefined();
});

const validSignature = signBody(SHORT_DELIVERY);
const WRONG_SIGNATURES: [string, string | undefined][] = [
  ["missing", undefined],
  ["empty", ""],
  ["63 characters long", validSignature.slice(0, 63)],
  ["65 characters long", `${validSignature}0`],
  ["not hexadecimal", `${validSignature.slice(0, 63)}g`],
  ["in upper case", validSignature.toUpperCase()],
  ["with a prefix", `sha256=${validSignature}`],
  ["sent twice", `${validSignature}, ${validSignature}`],
  ["that of the re-serialized body", signBody(JSON.stringify(JSON.parse(SHORT_DELIVERY), null, 1))],
  ["that of another body", signBody(`${SHORT_DELIVERY} `)],
  ["made with an old secret after its removal", signBody(SHORT_DELIVERY, "the-old-secret")],
  ["that of an empty body", signBody("")],
];

test("reliability 17: a delivery is refused with 401 and not stored when its signature is not that of its body, or no secret is set", async () => {
  const runtime = await startTestRuntime();
  const { "x-plane-signature": _, ...headers } = createWebhookHeaders(SHORT_DELIVERY);
  for (const [what, signature] of WRONG_SIGNATURES) {
    const signed = signature === undefined ? headers : { ...headers, "x-plane-signature": signature };
    const response = await postWebhook(runtime.url, SHORT_DELIVERY, signed);
    expect.soft(await readRefusal(response), what).toEqual([401, "unauthorized"]);
  }
  expect(await countPending(runtime)).toBe(0);
  const { url } = await startTestRuntime({ env: { PLANE_WEBHOOK_SECRET: "" } });
  expect((await postWebhook(url, SHORT_DELIVERY, createWebhookHeaders(SHORT_DELIVERY, ""))).status).toBe(401);
});

test("reliability 17: a refused delivery with Plane's headers requests a poll, because it may be signed with a new secret", async () => {
  const runtime = await startTestRuntime();
  await expect.poll(() => runtime.polls.length).toBe(1);
  await postWebhook(runtime.url, SHORT_DELIVERY, createWebhookHeaders(SHORT_DELIVERY, "a-secret-we-do-not-know"));
  await expect.poll(() => runtime.polls.length).toBe(2);
  await postWebhook(runtime.url, SHORT_DELIVERY, { "content-type": "application/json" });
  await postWebhook(runtime.url, SHORT_DELIVERY);
  expect(runtime.lines.filter((line) => line["message"] === "poll requested")).toHaveLength(1);
});

test("Deliveries with an invalid signature request one poll immediately and at most one every 45 s, whatever their number", async () => {
  const { deps } = await startTestRuntime();
  const polls: number[] = [];
  const waits: { ms: number; end: () => void }[] = [];
  let now = 1_700_000_000_000;
  const app = planeWebhookRoute.app({
    ...deps,
    clock: () => now,
    wait: (ms) => new Promise((resolve) => waits.push({ ms, end: resolve })),
    requestPoll: () => polls.push(now),
  });
  app.onError(() => new Response(null, { status: 401 }));
  const headers = createWebhookHeaders(SHORT_DELIVERY, "not the secret");
  const sendForged = () => app.request("/", { method: "POST", body: SHORT_DELIVERY, headers });
  await sendForged();
  expect(polls).toEqual([now]);
  now += 10_000;
  for (let i = 0; i < 20; i += 1) await sendForged();
  expect(polls).toHaveLength(1);
  expect(waits.map(({ ms }) => ms)).toEqual([35_000]);
  now += 35_000;
  waits[0]?.end();
  await expect.poll(() => polls.length).toBe(2);
});

test("After 100 refused requests in a minute, read or not, a source is answered with 429, and its signed deliveries are still stored", async () => {
  let now = 1_700_000_000_000;
  const runtime = await startTestRuntime({ env: { WEBHOOK_MAX_BYTES: "2048" }, overrides: { clock: () => now } });
  const { url } = runtime;
  const forged = createWebhookHeaders(SHORT_DELIVERY, "not the secret");
  const kinds: [string, Record<string, string>][] = [
    [SHORT_DELIVERY, { "content-type": "application/json" }],
    [SHORT_DELIVERY, forged],
    [SHORT_DELIVERY, { ...forged, "content-type": "text/plain" }],
    ["x".repeat(3000), forged],
  ];
  for (let i = 0; i < 102; i++) {
    const [body = "", headers] = kinds[i % kinds.length] ?? [];
    const { status } = await postWebhook(url, body, headers);
    if (i < 100) expect(status).not.toBe(429);
    else expect(status).toBe(429);
  }
  expect((await postWebhook(url, SHORT_DELIVERY, {})).headers.get("retry-after")).toBe("60");
  expect((await postWebhook(url, SHORT_DELIVERY)).status).toBe(200);
  expect(await countPending(runtime)).toBe(1);
  now += 60_001;
  expect((await postWebhook(url, SHORT_DELIVERY, forged)).status).toBe(401);
});

test("The limit identifies a source by the address that a trusted proxy reports; X-Forwarded-For from any other client is ignored", async () => {
  const proxied = await startTestRuntime({ env: { TRUSTED_PROXIES: "127.0.0.1" } });
  const open = await startTestRuntime();
  for (let i = 0; i < 101; i++) {
    const headers = { "content-type": "application/json", "x-forwarded-for": `203.0.113.${i}` };
    expect((await postWebhook(proxied.url, SHORT_DELIVERY, headers)).status).toBe(401);
    expect((await postWebhook(open.url, SHORT_DELIVERY, headers)).status).toBe(i < 100 ? 401 : 429);
  }
});

/** Sends a signed delivery to exactly this path, which fetch would normalize. */
async function postRaw(url: string, path: string, headers: Record<string, string> = {}) {
  const raw = await openConnection(url);
  const length = { "content-length": `${SHORT_DELIVERY.length}`, connection: "close" };
  const head = formatRequestHead("POST", path, { ...createWebhookHeaders(SHORT_DELIVERY), ...length, ...headers });
  raw.socket.write(head + SHORT_DELIVERY);
  return raw.ended;
}

test("A signed delivery needs no allowed Host or Origin; repeated slashes in its path are ignored, and no other path is the webhook's", async () => {
  const runtime = await startTestRuntime();
  const { url } = runtime;
  const evil = { host: "evil.example", origin: "https://evil.example" };
  for (const path of ["//evil.example/webhooks/plane", "//evil.example/", "/webhooks/..//dead-letters"])
    expect.soft((await postRaw(url, path, evil)).status, path).toBe(403);
  for (const path of [
    ...["//dead-letters", "/api//board", "/webhooks%2Fplane", "/webhooks/%5Cplane"],
    ...["//webhooks/plane/x", "/x//webhooks/plane"],
  ]) {
    const { status, text } = await postRaw(url, path);
    expect.soft([401, 404], path).toContain(status);
    expect.soft(text.toLowerCase()).not.toContain("location:");
  }
  expect(await countPending(runtime)).toBe(0);
  for (const path of ["/webhooks/plane", "/webhooks/plane/", "///webhooks///plane", "//webhooks//plane?x=1"])
    expect.soft((await postRaw(url, path, evil)).status, path).toBe(200);
  expect(await countPending(runtime)).toBe(1);
});

const TOKEN = TELEGRAM_ENV.TELEGRAM_BOT_TOKEN;
const SECRET = "a-secret-of-these-tests_0123456789";
// Nothing listens there, because only incoming updates are tested.
const SECRETLESS = { ...TELEGRAM_ENV, TELEGRAM_API_ROOT: "http://127.0.0.1:1" };
const ENV = { ...SECRETLESS, TELEGRAM_WEBHOOK_SECRET: SECRET };
const MESSAGE = { message_id: 1, from: { id: 7 }, chat: { id: 42, type: "private" }, text: "/plane status" };
const UPDATE = JSON.stringify({ update_id: 9, message: MESSAGE });

function postUpdate(url: string, body = UPDATE, secret: string | undefined = SECRET): Promise<Response> {
  const headers = { "content-type": "application/json", "x-telegram-bot-api-secret-token": secret };
  return fetch(`${url}/webhooks/telegram`, { method: "POST", headers, body });
}

const countUpdates = async ({ store }: TestRuntime) => (await store.stats()).queues.updates.pending;

test("An update that Telegram sends, also one that cannot be read (reliability 15, 16), is stored once, however often it is delivered", async () => {
  const runtime = await startTestRuntime({ env: ENV });
  const data = "x".repeat(65);
  const bodies = [
    ...[UPDATE, "update_id=1", "", JSON.stringify({ message: MESSAGE }), "[]"],
    JSON.stringify({ update_id: 1, callback_query: { id: "1", from: { id: 7 }, data } }),
  ];
  for (const [i, body] of bodies.entries()) {
    for (let n = 0; n < 5; n += 1) expect((await postUpdate(runtime.url, body)).status).toBe(200);
    expect(await countUpdates(runtime), body).toBe(i + 1);
  }
});

test("An update or a webhook that the store refuses gets no response, so that its sender repeats it, and Plane is polled", async () => {
  const store = createMemoryStore({ clock: Date.now });
  const broken: typeof store = {
    ...store,
    commit: (commit) =>
      commit.jobs?.some(({ queue }) => queue === "updates" || queue === "inbox")
        ? Promise.reject(new Error("down"))
        : store.commit(commit),
  };
  const runtime = await startTestRuntime({ env: ENV, store: broken });
  await expect.poll(() => runtime.polls.length).toBe(1);
  await expect(postUpdate(runtime.url)).rejects.toThrow();
  await expect(postWebhook(runtime.url, SHORT_DELIVERY)).rejects.toThrow();
  await expect.poll(() => runtime.polls.length).toBe(2);
});

test("X-Telegram-Bot-Api-Secret-Token (reliability 17): another one is refused with 401, and nothing is stored; without a setting it is derived from the token", async () => {
  const runtime = await startTestRuntime({ env: ENV });
  const others = ["", "b-secret-of-these-tests_0123456789", SECRET.slice(0, -1), `${SECRET}0`, SECRET.toUpperCase()];
  const headers = { "content-type": "application/json" };
  const url = `${runtime.url}/webhooks/telegram`;
  expect((await fetch(url, { method: "POST", headers, body: UPDATE })).status).toBe(401);
  for (const secret of [...others, TOKEN, "x".repeat(10_000)])
    expect(await readRefusal(await postUpdate(runtime.url, UPDATE, secret)), secret).toEqual([401, "unauthorized"]);
  expect(await countUpdates(runtime)).toBe(0);

  const derived = await startTestRuntime({ env: SECRETLESS });
  const [secret = ""] = await getWebhookSecrets({ token: TOKEN, webhookSecrets: [] });
  expect(secret).toMatch(/^[\w-]{1,256}$/);
  expect(secret).not.toContain(TOKEN);
  expect((await postUpdate(derived.url, UPDATE, secret)).status).toBe(200);
});
