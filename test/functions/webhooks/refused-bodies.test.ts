import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { postWebhook, startTestRuntime } from "../../support/test-runtime.ts";
import { createWebhookHeaders, SHORT_DELIVERY } from "../../support/webhook-signature.ts";
import { readRefusal } from "./refused-response.ts";

test("reliability 16: a compressed body is refused with 415", async () => {
  const { url } = await startTestRuntime();
  const body = Uint8Array.from(gzipSync(SHORT_DELIVERY));
  const response = await postWebhook(url, body, { ...createWebhookHeaders(body), "content-encoding": "gzip" });
  expect(await readRefusal(response)).toMatchObject({ status: 415, code: "unsupported_type" });
});

test.each(["text/plain", "application/x-www-form-urlencoded", "application/json-seq", ""])(
  "reliability 16: a body of type %j is refused with 415",
  async (type) => {
    const { url } = await startTestRuntime();
    const response = await postWebhook(url, SHORT_DELIVERY, {
      ...createWebhookHeaders(SHORT_DELIVERY),
      "content-type": type,
    });
    expect(await readRefusal(response)).toMatchObject({ status: 415, code: "unsupported_type" });
  },
);

test("reliability 16: a body of JSON with a charset is accepted", async () => {
  const { url } = await startTestRuntime();
  const headers = { ...createWebhookHeaders(SHORT_DELIVERY), "content-type": "Application/JSON; charset=utf-8" };
  expect((await postWebhook(url, SHORT_DELIVERY, headers)).status).toBe(200);
});

test("reliability 16: a body with 10,000 levels of nesting is stored as text", async () => {
  const { url, store } = await startTestRuntime();
  const body = `{"event":"issue","data":${"[".repeat(10_000)}${"]".repeat(10_000)}}`;
  expect((await postWebhook(url, body)).status).toBe(200);
  expect((await store.take("inbox", 1000, 1))[0]?.body).toMatchObject({ raw: body });
});

test("reliability 16: a body with __proto__ does not change any prototype", async () => {
  const { url, store } = await startTestRuntime();
  const body = '{"event":"issue","__proto__":{"polluted":true},"data":{"id":"1","__proto__":{"polluted":true}}}';
  expect((await postWebhook(url, body)).status).toBe(200);
  expect((await store.take("inbox", 1000, 1))[0]?.body).toMatchObject({ raw: body });
  expect(Reflect.get({}, "polluted")).toBeUndefined();
});

test("reliability 16: a body whose Content-Length exceeds the limit is refused with 413 before it is read", async () => {
  const { url } = await startTestRuntime({ env: { WEBHOOK_MAX_BYTES: "2048" } });
  const body = JSON.stringify({ text: "x".repeat(3000) });
  expect(await readRefusal(await postWebhook(url, body))).toMatchObject({ status: 413, code: "too_large" });
});

test("reliability 16: a body is limited to 2 MB by default", async () => {
  const { url } = await startTestRuntime();
  const createBody = (size: number) => JSON.stringify({ text: "x".repeat(size - '{"text":""}'.length) });
  expect((await postWebhook(url, createBody(2 * 2 ** 20))).status).toBe(200);
  expect((await postWebhook(url, createBody(2 * 2 ** 20 + 1))).status).toBe(413);
});

test("reliability 16: a body exactly as large as the limit is accepted", async () => {
  const { url } = await startTestRuntime({ env: { WEBHOOK_MAX_BYTES: "2048" } });
  const body = JSON.stringify({ text: "x".repeat(2048 - '{"text":""}'.length) });
  expect(body).toHaveLength(2048);
  expect((await postWebhook(url, body)).status).toBe(200);
});
