import { expect, test } from "vitest";
import { createMemoryStore } from "../../runtime/stores/sqlite-store.ts";
import { createBearerHeaders, postWebhook, RUNTIME_ADMIN_TOKEN, startTestRuntime } from "../support/test-runtime.ts";

async function readMetrics(url: string) {
  const response = await fetch(`${url}/metrics`, createBearerHeaders(RUNTIME_ADMIN_TOKEN));
  return { status: response.status, type: response.headers.get("content-type"), text: await response.text() };
}

test("GET /metrics (MONITOR-03) returns Prometheus text with the requests, the ticks and the depth of each queue", async () => {
  const { url, store } = await startTestRuntime();
  await postWebhook(url, JSON.stringify({ event: "issue", data: { id: "1" } }));
  await postWebhook(url, JSON.stringify({ event: "issue", data: { id: "2" } }));
  const [job] = await store.take("inbox", 1000, 1);
  if (job) await store.acknowledge(job, { dead: "poison" });
  await fetch(`${url}/ticks/poll`, { method: "POST", ...createBearerHeaders(RUNTIME_ADMIN_TOKEN) });
  const { status, type, text } = await readMetrics(url);
  expect([status, type]).toEqual([200, "text/plain; version=0.0.4; charset=utf-8"]);
  expect(text).toContain('groundcrew_queue_depth{queue="inbox"} 1');
  expect(text).toContain('groundcrew_dead_letters{queue="inbox"} 1');
  expect(text).toContain('groundcrew_dead_letters{queue="outbox"} 0');
  expect(text).toMatch(/groundcrew_queue_age_seconds\{queue="inbox"\} \d/);
  expect(text).toContain("groundcrew_store_up 1");
  expect(text).toMatch(/groundcrew_ticks_total\{tick="poll",outcome="ok"\} \d/);
  expect(text).toContain('groundcrew_request_duration_seconds_count{method="POST",route="/webhooks/plane"} 2');
});

test("GET /metrics (MONITOR-03) responds and reports it when the store is down", async () => {
  const real = createMemoryStore({ clock: Date.now });
  const { url } = await startTestRuntime({ store: { ...real, stats: () => Promise.reject(new Error("down")) } });
  const { status, text } = await readMetrics(url);
  expect(status).toBe(200);
  expect(text).toContain("groundcrew_store_up 0");
  expect(text).not.toContain("groundcrew_queue_depth{");
  expect(text).not.toMatch(/^groundcrew_(plane_up|plane_quota_left|budget)\b/m);
});

test("GET /metrics (MONITOR-03) contains the duration of the last canary and whether webhooks are missing", async () => {
  const { url, store } = await startTestRuntime();
  expect((await readMetrics(url)).text).not.toContain("groundcrew_canary_seconds{");
  const value = {
    project: "p",
    item: "i",
    comment: "c",
    lastEdit: { nonce: "2", at: 2 },
    lastArrival: { nonce: "1", at: 1, durationMs: 2_500 },
    silentSince: 2,
  };
  await store.commit({ put: [{ key: "canary", value }] });
  const { text } = await readMetrics(url);
  expect(text).toContain('groundcrew_canary_seconds{source="plane"} 2.5');
  expect(text).toContain('groundcrew_webhooks_silent{source="plane"} 1');
});

test("GET /metrics (MONITOR-03) contains no label value that an unauthenticated caller can choose", async () => {
  const { url } = await startTestRuntime();
  await fetch(`${url}/marked-one?x=marked-two`);
  await fetch(`${url}/ticks/marked-three`, { method: "POST", ...createBearerHeaders(RUNTIME_ADMIN_TOKEN) });
  expect((await readMetrics(url)).text).not.toContain("marked");
});

test("GET /metrics (MONITOR-03) is also served without a token on a separate port, with /ready and /health and nothing else", async () => {
  const { url, metricsUrl = "" } = await startTestRuntime({ env: { METRICS_PORT: "0" } });
  expect(metricsUrl).not.toBe(url);
  const statuses = ["/metrics", "/ready", "/health", "/dead-letters", "/webhooks/plane"].map(
    async (path) => (await fetch(metricsUrl + path)).status,
  );
  expect(await Promise.all(statuses)).toEqual([200, 503, 200, 404, 404]);
  expect((await fetch(`${url}/metrics`)).status).toBe(401);
});
