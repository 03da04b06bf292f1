import { expect, test } from "vitest";
import { postWebhook, startTestRuntime } from "../../support/test-runtime.ts";
import { createWebhookHeaders, SHORT_DELIVERY } from "../../support/webhook-signature.ts";

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
