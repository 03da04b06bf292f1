import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { planeWebhookRoute } from "../../../functions/webhooks/plane-webhook.ts";
import { formatRequestHead, openConnection } from "../../support/raw-connection.ts";
import { postWebhook, startTestRuntime } from "../../support/test-runtime.ts";
import { createWebhookHeaders, signBody } from "../../support/webhook-signature.ts";
import { readRefusal, SHORT_DELIVERY } from "./refused-response.ts";

const right = signBody(SHORT_DELIVERY);
test.each([
  ["missing", undefined],
  ["empty", ""],
  ["of 63 characters", right.slice(0, 63)],
  ["of 65 characters", `${right}0`],
  ["that is not hex", `${right.slice(0, 63)}g`],
  ["in upper case", right.toUpperCase()],
  ["with a prefix", `sha256=${right}`],
  ["sent twice", `${right}, ${right}`],
  ["of a re-serialised body", signBody(JSON.stringify(JSON.parse(SHORT_DELIVERY), null, 1))],
  ["of another body", signBody(`${SHORT_DELIVERY} `)],
  ["under an old secret after the overlap", signBody(SHORT_DELIVERY, "the-old-secret")],
  ["of an empty body", signBody("")],
  ["of zeros", "0".repeat(64)],
])("A signature (reliability 17): %s is refused with 401 and nothing is stored", async (_, signature) => {
  const { url, store } = await startTestRuntime();
  const { "x-plane-signature": __, ...headers } = createWebhookHeaders(SHORT_DELIVERY);
  const response = await postWebhook(
    url,
    SHORT_DELIVERY,
    signature === undefined ? headers : { ...headers, "x-plane-signature": signature },
  );
  expect(await readRefusal(response)).toMatchObject({ status: 401, code: "unauthorized" });
  expect((await store.stats()).queues.inbox.pending).toBe(0);
});

test("A signature (reliability 17) is always refused while no secret is set", async () => {
  const { url } = await startTestRuntime({ env: { PLANE_WEBHOOK_SECRET: "" } });
  expect((await postWebhook(url, SHORT_DELIVERY, createWebhookHeaders(SHORT_DELIVERY, ""))).status).toBe(401);
});

test("A signature (reliability 17) refused on a request with Plane's headers requests a poll, because it may be genuine with a new secret", async () => {
  const runtime = await startTestRuntime();
  await expect.poll(() => runtime.asked.length).toBe(1);
  await postWebhook(runtime.url, SHORT_DELIVERY, createWebhookHeaders(SHORT_DELIVERY, "a-secret-we-do-not-know"));
  await expect.poll(() => runtime.asked.length).toBe(2);
  await postWebhook(runtime.url, SHORT_DELIVERY, { "content-type": "application/json" });
  await postWebhook(runtime.url, SHORT_DELIVERY);
  expect(runtime.lines.filter((line) => line["message"] === "poll requested")).toHaveLength(1);
});

test("Requests with Plane's headers but without a valid signature: cause one poll at once and then one per 45 s, however many there are", async () => {
  const { deps } = await startTestRuntime();
  const polls: number[] = [];
  const waiting: { ms: number; over: () => void }[] = [];
  let now = 1_700_000_000_000;
  const app = planeWebhookRoute.app({
    ...deps,
    clock: () => now,
    wait: (ms) => new Promise((resolve) => waiting.push({ ms, over: resolve })),
    requestPoll: () => polls.push(now),
  });
  app.onError(() => new Response(null, { status: 401 }));
  const knock = () =>
    app.request("/", {
      method: "POST",
      body: SHORT_DELIVERY,
      headers: createWebhookHeaders(SHORT_DELIVERY, "not the secret"),
    });
  await knock();
  expect(polls).toEqual([now]);
  now += 10_000;
  for (let i = 0; i < 20; i += 1) await knock();
  expect(polls).toHaveLength(1);
  expect(waiting.map(({ ms }) => ms)).toEqual([35_000]);
  now += 35_000;
  waiting[0]?.over();
  await expect.poll(() => polls.length).toBe(2);
  now += 60_000;
  await knock();
  expect(polls).toHaveLength(3);
});

test.each([
  ["with a NUL byte", '{"event":"issue\u0000"}'],
  ["that is not JSON", "event=issue"],
  ["that is empty", ""],
  ["that is a list", "[]"],
  ["that is null", "null"],
  ["with a byte order mark", `\uFEFF${SHORT_DELIVERY}`],
])("A body (reliability 16): %s is refused with 400", async (_, body) => {
  const { url, store } = await startTestRuntime();
  expect(await readRefusal(await postWebhook(url, body))).toMatchObject({ status: 400, code: "bad_request" });
  expect((await store.stats()).queues.inbox.pending).toBe(0);
});

test("A body (reliability 16) with invalid UTF-8 is refused with 400", async () => {
  const { url } = await startTestRuntime();
  const body = Uint8Array.from([...Buffer.from('{"event":"'), 0xff, 0xfe, 0xc0, ...Buffer.from('"}')]);
  expect(await readRefusal(await postWebhook(url, body))).toMatchObject({ status: 400, code: "bad_request" });
});

test("A body (reliability 16) that is compressed is refused with 415", async () => {
  const { url } = await startTestRuntime();
  const body = Uint8Array.from(gzipSync(SHORT_DELIVERY));
  const response = await postWebhook(url, body, { ...createWebhookHeaders(body), "content-encoding": "gzip" });
  expect(await readRefusal(response)).toMatchObject({ status: 415, code: "unsupported_type" });
});

test.each(["text/plain", "application/x-www-form-urlencoded", "application/json-seq", ""])(
  "A body (reliability 16) of type %j is refused with 415",
  async (type) => {
    const { url } = await startTestRuntime();
    const response = await postWebhook(url, SHORT_DELIVERY, {
      ...createWebhookHeaders(SHORT_DELIVERY),
      "content-type": type,
    });
    expect(await readRefusal(response)).toMatchObject({ status: 415, code: "unsupported_type" });
  },
);

test("A body (reliability 16) of JSON with a charset is accepted", async () => {
  const { url } = await startTestRuntime();
  const headers = { ...createWebhookHeaders(SHORT_DELIVERY), "content-type": "Application/JSON; charset=utf-8" };
  expect((await postWebhook(url, SHORT_DELIVERY, headers)).status).toBe(200);
});

test("A body (reliability 16) with 10,000 levels of nesting is stored as text", async () => {
  const { url, store } = await startTestRuntime();
  const body = `{"event":"issue","data":${"[".repeat(10_000)}${"]".repeat(10_000)}}`;
  expect((await postWebhook(url, body)).status).toBe(200);
  expect((await store.take("inbox", 1000, 1))[0]?.body).toMatchObject({ raw: body });
});

test("A body (reliability 16) with __proto__ does not change any prototype", async () => {
  const { url, store } = await startTestRuntime();
  const body = '{"event":"issue","__proto__":{"polluted":true},"data":{"id":"1","__proto__":{"polluted":true}}}';
  expect((await postWebhook(url, body)).status).toBe(200);
  expect((await store.take("inbox", 1000, 1))[0]?.body).toMatchObject({ raw: body });
  expect(Reflect.get({}, "polluted")).toBeUndefined();
});

test("A body (reliability 16) announced as larger than the limit is refused with 413 before it is read", async () => {
  const { url } = await startTestRuntime({ env: { WEBHOOK_MAX_BYTES: "2048" } });
  const body = JSON.stringify({ text: "x".repeat(3000) });
  expect(await readRefusal(await postWebhook(url, body))).toMatchObject({ status: 413, code: "too_large" });
});

test("A body (reliability 16) is limited to 2 MB unless WEBHOOK_MAX_BYTES says otherwise", async () => {
  const { url } = await startTestRuntime();
  const createBody = (size: number) => JSON.stringify({ text: "x".repeat(size - '{"text":""}'.length) });
  expect((await postWebhook(url, createBody(2 * 2 ** 20))).status).toBe(200);
  expect((await postWebhook(url, createBody(2 * 2 ** 20 + 1))).status).toBe(413);
});

test("A body (reliability 16) exactly as large as the limit is accepted", async () => {
  const { url } = await startTestRuntime({ env: { WEBHOOK_MAX_BYTES: "2048" } });
  const body = JSON.stringify({ text: "x".repeat(2048 - '{"text":""}'.length) });
  expect(body).toHaveLength(2048);
  expect((await postWebhook(url, body)).status).toBe(200);
});

test("The address of the webhook accepts POST only", async () => {
  const { url } = await startTestRuntime();
  const response = await fetch(`${url}/webhooks/plane`);
  expect(response.headers.get("allow")).toBe("POST");
  expect(await readRefusal(response)).toMatchObject({ status: 405, code: "method_not_allowed" });
});

test("The address of the webhook does not exist with a longer path", async () => {
  const { url } = await startTestRuntime();
  const response = await fetch(`${url}/webhooks/plane/x`, {
    method: "POST",
    body: SHORT_DELIVERY,
    headers: createWebhookHeaders(SHORT_DELIVERY),
  });
  expect(await readRefusal(response)).toMatchObject({ status: 404, code: "not_found" });
});

test("A source that sends badly signed requests is refused with 429 after 100 in a minute, while its signed deliveries are still stored", async () => {
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
  ["over the cap", {}, "x".repeat(3000)],
])(
  "A source that sends badly signed requests is refused with 429 also for bodies that are refused without being read: a body %s",
  async (_, headers, body) => {
    const { url } = await startTestRuntime({ env: { WEBHOOK_MAX_BYTES: "2048" } });
    const forged = { ...createWebhookHeaders(body, "not the secret"), ...headers };
    for (let i = 0; i < 100; i++) expect((await postWebhook(url, body, forged)).status).not.toBe(429);
    expect((await postWebhook(url, body, forged)).status).toBe(429);
    expect((await postWebhook(url, SHORT_DELIVERY)).status).toBe(200);
  },
);

test("A source that sends badly signed requests is identified by the address that a trusted proxy reports, and by no other", async () => {
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

test.each([
  "//webhooks/plane",
  "/webhooks//plane",
  "///webhooks///plane",
  "//webhooks/plane/",
  "/webhooks/plane//",
  "//webhooks//plane?x=1",
])("The address of the webhook with doubled slashes is the same: %s", async (path) => {
  const { url, store } = await startTestRuntime();
  expect((await postRaw(url, path, { host: "crew.internal:8787" })).status).toBe(200);
  expect((await store.stats()).queues.inbox.pending).toBe(1);
});

test.each([
  ["another path with doubled slashes", "//dead-letters"],
  ["a doubled slash within another path", "/api//board"],
  ["an encoded slash", "/webhooks%2Fplane"],
  ["a backslash that is encoded", "/webhooks/%5Cplane"],
  ["a longer path", "//webhooks/plane/x"],
  ["a path below another one", "/x//webhooks/plane"],
])("The address of the webhook is not reached by %s", async (_, path) => {
  const { url, store } = await startTestRuntime();
  const { status, text } = await postRaw(url, path);
  expect([401, 404]).toContain(status);
  expect(text.toLowerCase()).not.toContain("location:");
  expect((await store.stats()).queues.inbox.pending).toBe(0);
});

test("The address of another host in the path is neither followed nor exempt from the check of Host", async () => {
  const { url } = await startTestRuntime();
  for (const path of ["//evil.example/webhooks/plane", "//evil.example/", "/webhooks/..//dead-letters"]) {
    const { status, text } = await postRaw(url, path, { host: "evil.example" });
    expect([path, status]).toEqual([path, 403]);
    expect(text.toLowerCase()).not.toContain("location:");
  }
});
