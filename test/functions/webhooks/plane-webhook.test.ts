import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { z } from "zod";
import { planeWebhookRoute } from "../../../functions/webhooks/webhook-routes.ts";
import { createMemoryStore } from "../../../runtime/stores/sqlite-store.ts";
import { inboxBodySchema } from "../../../shared/jobs/incoming-jobs.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { getWebhookSecrets } from "../../../shared/telegram/chat-settings.ts";
import { formatRequestHead, formatWebhookHead, openConnection } from "../../support/raw-connection.ts";
import { postWebhook, startTestRuntime, type TestRuntime } from "../../support/test-runtime.ts";
import { createWebhookHeaders, SHORT_DELIVERY, signBody, WEBHOOK_SECRET } from "../../support/webhook-signature.ts";
import { readRefusal } from "./refused-response.ts";

const recordedDeliveries = z
  .object({
    secret: z.string(),
    deliveries: z.array(
      z.object({ name: z.string(), headers: z.record(z.string(), z.string()), raw_body: z.string() }),
    ),
  })
  .parse(JSON.parse(readFileSync("test/fixtures/plane-contract/webhook-deliveries.json", "utf8")));

/** The subject of a delivery, from its whole body. */
function getItemId(body: string): string {
  const { event, data } = aboutSchema.parse(JSON.parse(body));
  return event === "issue_comment" ? (data.issue ?? "") : data.id;
}
const aboutSchema = z.object({ event: z.string(), data: z.object({ id: z.string(), issue: z.string().optional() }) });

test("A delivery that Plane signed (NOTIF-02) is stored once, unchanged, with a correlation id, and answered with 200", async () => {
  const { url, store } = await startTestRuntime();
  const first = await postWebhook(url, SHORT_DELIVERY);
  expect([first.status, await first.json()]).toEqual([200, { ok: true }]);
  expect((await postWebhook(url, SHORT_DELIVERY)).status).toBe(200);
  const jobs = await store.take("inbox", 1000, 10);
  expect(jobs).toHaveLength(1);
  expect(jobs[0]).toMatchObject({
    id: createHash("sha256").update(SHORT_DELIVERY).digest("hex"),
    lane: "525a36c6-0000-4000-8000-000000000001",
    body: { raw: SHORT_DELIVERY, correlation: expect.any(String) },
  });
  expect(inboxBodySchema.safeParse(jobs[0]?.body).success).toBe(true);
});

test("A delivery that Plane signed (NOTIF-02) of a comment is stored in the lane of its work item", async () => {
  const { url, store } = await startTestRuntime();
  await postWebhook(url, JSON.stringify({ event: "issue_comment", data: { id: "comment-1", issue: "item-1" } }));
  expect((await store.take("people", 1000, 10))[0]?.lane).toBe("item-1");
});

test("A delivery that Plane signed (NOTIF-02) is accepted for every recorded body with its real signature", async () => {
  const { url, store } = await startTestRuntime({ env: { PLANE_WEBHOOK_SECRET: recordedDeliveries.secret } });
  expect(recordedDeliveries.deliveries).toHaveLength(30);
  for (const { headers, raw_body } of recordedDeliveries.deliveries)
    expect((await postWebhook(url, raw_body, headers)).status).toBe(200);
  const bodies = recordedDeliveries.deliveries.map((delivery) => delivery.raw_body);
  const distinct = new Set(bodies).size;
  // Those of comments have a queue of their own.
  const countStored = async () => {
    const { inbox, people } = (await store.stats()).queues;
    return inbox.pending + people.pending;
  };
  expect(await countStored()).toBe(distinct);
  for (const { headers, raw_body } of recordedDeliveries.deliveries) {
    const again = { ...headers, "x-plane-delivery": crypto.randomUUID() };
    expect((await postWebhook(url, raw_body, again)).status).toBe(200);
  }
  expect(await countStored()).toBe(distinct);
  const stored = new Set<string>();
  const lanes = new Map<string, string>();
  const take = async () => [...(await store.take("inbox", 1000, 100)), ...(await store.take("people", 1000, 100))];
  for (let jobs = await take(); jobs.length > 0; jobs = await take()) {
    for (const job of jobs) {
      const { raw } = inboxBodySchema.parse(job.body);
      stored.add(raw);
      lanes.set(raw, job.lane);
      await store.acknowledge(job, { done: true });
    }
  }
  expect(stored).toEqual(new Set(bodies));
  expect(lanes).toEqual(new Map(bodies.map((body) => [body, getItemId(body)])));
});

test("A delivery that Plane signed (NOTIF-02) needs no allowed Host or Origin, because its signature is verified", async () => {
  const { url } = await startTestRuntime();
  const sent = await openConnection(url);
  const headers = {
    ...createWebhookHeaders(SHORT_DELIVERY),
    host: "elsewhere.example",
    origin: "https://elsewhere.example",
  };
  const all = { ...headers, connection: "close", "content-length": `${SHORT_DELIVERY.length}` };
  sent.socket.write(formatWebhookHead(all) + SHORT_DELIVERY);
  expect((await sent.ended).status).toBe(200);
});

test("A delivery that Plane signed (NOTIF-02) is accepted under the old and the new secret while both are valid", async () => {
  const { url } = await startTestRuntime({ env: { PLANE_WEBHOOK_SECRET: "the-new-secret,the-old-secret" } });
  expect((await postWebhook(url, SHORT_DELIVERY, createWebhookHeaders(SHORT_DELIVERY, "the-new-secret"))).status).toBe(
    200,
  );
  expect((await postWebhook(url, SHORT_DELIVERY, createWebhookHeaders(SHORT_DELIVERY, "the-old-secret"))).status).toBe(
    200,
  );
});

test("A report on webhooks counts them by outcome and logs them with the correlation id of the job", async () => {
  const { url, deps, lines, store } = await startTestRuntime();
  await postWebhook(url, SHORT_DELIVERY);
  await postWebhook(url, SHORT_DELIVERY, {});
  const text = (await deps.scrape?.())?.text;
  expect(text).toContain('groundcrew_webhooks_total{source="plane",outcome="kept"} 1');
  expect(text).toContain('groundcrew_webhooks_total{source="plane",outcome="unauthorized"} 1');
  const [job] = await store.take("inbox", 1000, 1);
  const { correlation } = inboxBodySchema.parse(job?.body);
  const about = lines.filter((line) => line["correlation"] === correlation);
  expect(about).toEqual([
    expect.objectContaining({ message: "request", status: 200, job: job?.id, event: "issue", action: "updated" }),
  ]);
  expect(JSON.stringify(lines)).not.toContain(WEBHOOK_SECRET);
});

test("reliability 16: a compressed body, and one of another type than JSON, is refused with 415", async () => {
  const { url } = await startTestRuntime();
  const zipped = Uint8Array.from(gzipSync(SHORT_DELIVERY));
  const refused: [Uint8Array<ArrayBuffer> | string, Record<string, string>][] = [
    [zipped, { "content-encoding": "gzip" }],
    ...["text/plain", "application/x-www-form-urlencoded", "application/json-seq", ""].map(
      (type): [string, Record<string, string>] => [SHORT_DELIVERY, { "content-type": type }],
    ),
  ];
  for (const [body, headers] of refused) {
    const response = await postWebhook(url, body, { ...createWebhookHeaders(body), ...headers });
    expect.soft(await readRefusal(response)).toMatchObject({ status: 415, code: "unsupported_type" });
  }
});

test("reliability 16: a body with 10,000 levels of nesting, or with __proto__, is stored as text", async () => {
  const { url, store } = await startTestRuntime();
  const nested = `{"event":"issue","data":${"[".repeat(10_000)}${"]".repeat(10_000)}}`;
  const proto = '{"event":"issue","__proto__":{"polluted":true},"data":{"id":"1","__proto__":{"polluted":true}}}';
  for (const body of [nested, proto]) {
    expect((await postWebhook(url, body)).status).toBe(200);
    const [job] = await store.take("inbox", 1000, 1);
    expect(job?.body).toMatchObject({ raw: body });
  }
  expect(Reflect.get({}, "polluted")).toBeUndefined();
});

test("reliability 16: a body whose Content-Length exceeds the limit is refused with 413 before it is read", async () => {
  const { url } = await startTestRuntime({ env: { WEBHOOK_MAX_BYTES: "2048" } });
  const body = JSON.stringify({ text: "x".repeat(3000) });
  expect(await readRefusal(await postWebhook(url, body))).toMatchObject({ status: 413, code: "too_large" });
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
  ["64 zeros", "0".repeat(64)],
];

test("reliability 17: a delivery is refused with 401 and not stored when its signature is not that of its body", async () => {
  const { url, store } = await startTestRuntime();
  const { "x-plane-signature": _, ...headers } = createWebhookHeaders(SHORT_DELIVERY);
  for (const [what, signature] of WRONG_SIGNATURES) {
    const signed = signature === undefined ? headers : { ...headers, "x-plane-signature": signature };
    const response = await postWebhook(url, SHORT_DELIVERY, signed);
    expect.soft(await readRefusal(response), what).toMatchObject({ status: 401, code: "unauthorized" });
  }
  expect((await store.stats()).queues.inbox.pending).toBe(0);
});

test("reliability 17: every delivery is refused with 401 while no secret is set", async () => {
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
  const sendForged = () =>
    app.request("/", {
      method: "POST",
      body: SHORT_DELIVERY,
      headers: createWebhookHeaders(SHORT_DELIVERY, "not the secret"),
    });
  await sendForged();
  expect(polls).toEqual([now]);
  now += 10_000;
  for (let i = 0; i < 20; i += 1) await sendForged();
  expect(polls).toHaveLength(1);
  expect(waits.map(({ ms }) => ms)).toEqual([35_000]);
  now += 35_000;
  waits[0]?.end();
  await expect.poll(() => polls.length).toBe(2);
  now += 60_000;
  await sendForged();
  expect(polls).toHaveLength(3);
});

test("After 100 requests with an invalid signature in a minute, a source is answered with 429, and its signed deliveries are still stored", async () => {
  let now = 1_700_000_000_000;
  const { url, store } = await startTestRuntime({ overrides: { clock: () => now } });
  const statuses: number[] = [];
  for (let i = 0; i < 102; i++) {
    const headers =
      i % 2 ? createWebhookHeaders(SHORT_DELIVERY, "not the secret") : { "content-type": "application/json" };
    statuses.push((await postWebhook(url, SHORT_DELIVERY, headers)).status);
  }
  expect(statuses).toEqual([...Array(100).fill(401), 429, 429]);
  const refused = await postWebhook(url, SHORT_DELIVERY, {});
  expect(refused.headers.get("retry-after")).toBe("60");
  expect((await postWebhook(url, SHORT_DELIVERY)).status).toBe(200);
  expect((await store.stats()).queues.inbox.pending).toBe(1);
  now += 60_001;
  expect((await postWebhook(url, SHORT_DELIVERY, {})).status).toBe(401);
});

test.each([
  ["of another type", { "content-type": "text/plain" }, SHORT_DELIVERY],
  ["that is compressed", { "content-encoding": "gzip" }, SHORT_DELIVERY],
  ["over the size limit", {}, "x".repeat(3000)],
])(
  "Requests whose bodies are refused unread count towards the limit of a source: a body %s",
  async (_, headers, body) => {
    const { url } = await startTestRuntime({ env: { WEBHOOK_MAX_BYTES: "2048" } });
    const forged = { ...createWebhookHeaders(body, "not the secret"), ...headers };
    for (let i = 0; i < 100; i++) expect((await postWebhook(url, body, forged)).status).not.toBe(429);
    expect((await postWebhook(url, body, forged)).status).toBe(429);
    expect((await postWebhook(url, SHORT_DELIVERY)).status).toBe(200);
  },
);

test("The limit identifies a source by the address that a trusted proxy reports; X-Forwarded-For from any other client is ignored", async () => {
  const proxied = await startTestRuntime({ env: { TRUSTED_PROXIES: "127.0.0.1" } });
  const open = await startTestRuntime();
  for (let i = 0; i < 101; i++) {
    const headers = { "x-forwarded-for": `203.0.113.${i}` };
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

test("Repeated slashes in the webhook path are ignored, and no other path is the webhook's", async () => {
  const { url, store } = await startTestRuntime();
  const evil = { host: "evil.example" };
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
  expect((await store.stats()).queues.inbox.pending).toBe(0);
  for (const path of [
    ...["/webhooks/plane/", "//webhooks/plane", "/webhooks//plane", "///webhooks///plane"],
    ...["//webhooks/plane/", "/webhooks/plane//", "//webhooks//plane?x=1"],
  ])
    expect.soft((await postRaw(url, path, { host: "crew.internal:8787" })).status, path).toBe(200);
  expect((await store.stats()).queues.inbox.pending).toBe(1);
});

const TOKEN = "123456:ABC-def_0123456789";
const SECRET = "a-secret-of-these-tests_0123456789";
const ENV = {
  TELEGRAM_BOT_TOKEN: TOKEN,
  TELEGRAM_CHAT_ID: "42",
  // Nothing listens there, because only incoming updates are tested.
  TELEGRAM_API_ROOT: "http://127.0.0.1:1",
  TELEGRAM_WEBHOOK_SECRET: SECRET,
};
const UPDATE = {
  update_id: 9,
  message: { message_id: 1, from: { id: 7 }, chat: { id: 42, type: "private" }, text: "/plane status" },
};

function postUpdate(url: string, body: unknown, secret: string | undefined = SECRET, raw?: string): Promise<Response> {
  const headers = {
    "content-type": "application/json",
    ...omitUndefined({ "x-telegram-bot-api-secret-token": secret }),
  };
  return fetch(`${url}/webhooks/telegram`, { method: "POST", headers, body: raw ?? JSON.stringify(body) });
}

const countPendingUpdates = async ({ store }: Pick<TestRuntime, "store">) =>
  (await store.stats()).queues.updates.pending;

test("An update that Telegram sends is stored once, however often it is delivered (reliability 15)", async () => {
  const runtime = await startTestRuntime({ env: ENV });
  for (let n = 0; n < 50; n += 1) expect((await postUpdate(runtime.url, UPDATE)).status).toBe(200);
  expect(await countPendingUpdates(runtime)).toBe(1);
});

test("An update that Telegram sends is verified by a secret derived from the token when none is set", async () => {
  const { TELEGRAM_WEBHOOK_SECRET: _, ...env } = ENV;
  const runtime = await startTestRuntime({ env });
  const [secret = ""] = await getWebhookSecrets({ token: TOKEN, webhookSecrets: [] });
  expect(secret).toMatch(/^[\w-]{1,256}$/);
  expect(secret).not.toContain(TOKEN);
  expect((await postUpdate(runtime.url, UPDATE, secret)).status).toBe(200);
});

test("An update that Telegram sends that the store refuses gets no response, so that Telegram sends it again", async () => {
  const store = createMemoryStore({ clock: Date.now });
  const broken = {
    ...store,
    commit: (commit: Parameters<typeof store.commit>[0]) =>
      commit.jobs?.some(({ queue }) => queue === "updates") ? Promise.reject(new Error("down")) : store.commit(commit),
  };
  const runtime = await startTestRuntime({ env: ENV, store: broken });
  await expect(postUpdate(runtime.url, UPDATE)).rejects.toThrow();
});

const OTHER_SECRETS: [string, string | undefined][] = [
  ["missing", undefined],
  ["empty", ""],
  ["another one", "b-secret-of-these-tests_0123456789"],
  ["a part of it", SECRET.slice(0, -1)],
  ["longer than it", `${SECRET}0`],
  ["in upper case", SECRET.toUpperCase()],
  ["the bot's token", TOKEN],
  ["10,000 characters long", "x".repeat(10_000)],
];

test("X-Telegram-Bot-Api-Secret-Token (reliability 17): another one is refused with 401, and nothing is stored", async () => {
  const runtime = await startTestRuntime({ env: ENV });
  for (const [what, secret] of OTHER_SECRETS) {
    const headers = secret === undefined ? {} : { "x-telegram-bot-api-secret-token": secret };
    const response = await fetch(`${runtime.url}/webhooks/telegram`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(UPDATE),
    });
    expect.soft(await readRefusal(response), what).toMatchObject({ status: 401, code: "unauthorized" });
  }
  expect(await countPendingUpdates(runtime)).toBe(0);
});

test.each([
  ["that is not JSON", "update_id=1"],
  ["that is empty", ""],
  ["without a number", JSON.stringify({ message: UPDATE.message })],
  ["that is a list", "[]"],
  [
    "with a callback's data of 65 characters",
    JSON.stringify({ update_id: 1, callback_query: { id: "1", from: { id: 7 }, data: "x".repeat(65) } }),
  ],
])("A body (reliability 16): %s is kept as one job, however often it is sent", async (_, raw) => {
  const runtime = await startTestRuntime({ env: ENV });
  for (let n = 0; n < 3; n += 1) expect((await postUpdate(runtime.url, undefined, SECRET, raw)).status).toBe(200);
  expect(await countPendingUpdates(runtime)).toBe(1);
});
