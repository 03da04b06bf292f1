import { expect, test } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { createMemoryStore } from "../../runtime/stores/sqlite-store.ts";
import { type CanaryRecord, canaryKey, describeAddress } from "../../shared/monitoring/canary.ts";
import { MINUTE } from "../../shared/time.ts";
import { createBearerHeaders, postWebhook, RUNTIME_ADMIN_TOKEN, startTestRuntime } from "../support/test-runtime.ts";

async function requestReady(url: string) {
  const response = await fetch(`${url}/ready`, createBearerHeaders(RUNTIME_ADMIN_TOKEN));
  return { status: response.status, body: await response.json() };
}

test("GET /ready (MONITOR-01) responds 503 until Plane was reached once, then 200 with the age of each success", async () => {
  let now = 1_700_000_000_000;
  const { url, deps } = await startTestRuntime({ overrides: { clock: () => now } });
  expect(await requestReady(url)).toEqual({
    status: 503,
    body: { status: "not ready", store: { ok: true, age_s: 0 }, plane: { ok: null, age_s: null } },
  });
  deps.health.recordSuccess("plane");
  now += 12_000;
  expect(await requestReady(url)).toEqual({
    status: 200,
    body: { status: "ready", store: { ok: true, age_s: 0 }, plane: { ok: true, age_s: 12 } },
  });
});

test("GET /ready (MONITOR-01) reports which component fails, since when and why, without a secret", async () => {
  let now = 1_700_000_000_000;
  const api = { TELEGRAM_BOT_TOKEN: "123456:marked-bot-token", TELEGRAM_API_ROOT: "http://127.0.0.1:1" };
  const env = { ...api, TELEGRAM_CHAT_ID: "-100" };
  const { url, deps } = await startTestRuntime({ env, overrides: { clock: () => now } });
  deps.health.recordSuccess("plane");
  await deps.telegram?.getMe();
  now += 30_000;
  deps.health.recordFailure("plane", `401 for ${deps.settings.plane?.apiKey}`);
  const { status, body } = await requestReady(url);
  expect(status).toBe(503);
  expect(body).toMatchObject({
    plane: { ok: false, age_s: 30, error: "401 for [secret]" },
    telegram: { ok: false, age_s: null, error: expect.any(String) },
  });
  expect(JSON.stringify(body)).not.toContain("marked-bot-token");
});

test("GET /ready (MONITOR-01) reports the last canary, and stays ready while webhooks are missing", async () => {
  const store = createMemoryStore({ clock: () => 1_000_000 });
  const { url, deps } = await startTestRuntime({ store });
  deps.health.recordSuccess("plane");
  const address = describeAddress(deps.settings);
  const keep = (value: Partial<CanaryRecord>) =>
    store.commit({ put: [{ key: canaryKey, value: { project: "p", item: "i", comment: "c", ...value } }] });
  const lastArrival = { nonce: "1", at: 992_500, durationMs: 2_500, address };
  await keep({ lastEdit: { nonce: "1", at: 990_000, address }, lastArrival });
  expect(await requestReady(url)).toMatchObject({
    status: 200,
    body: { webhooks: { ok: true, age_s: 8, seconds: 2.5 } },
  });
  await keep({ lastEdit: { nonce: "2", at: 880_000, address }, silentSince: 880_000 });
  const webhooks = { ok: false, age_s: null, seconds: null, error: expect.stringContaining("silent for 2 min") };
  expect(await requestReady(url)).toMatchObject({ status: 200, body: { webhooks } });
});

test("GET /webhooks/health (MONITOR-01) says to anyone whether /ready would succeed, and nothing else", async () => {
  let now = 1_700_000_000_000;
  const { url, deps } = await startTestRuntime({ overrides: { clock: () => now } });
  const ask = async (method = "GET") => {
    // Longer than a result is kept.
    now += 1_000;
    const response = await fetch(`${url}/webhooks/health`, { method, headers: { Host: "elsewhere.example.com" } });
    return { status: response.status, text: await response.text(), type: response.headers.get("content-type") };
  };
  const type = expect.stringContaining("text/plain");
  expect(await ask()).toEqual({ status: 503, text: "not ok", type });
  deps.health.recordSuccess("plane");
  expect(await ask()).toEqual({ status: 200, text: "ok", type });
  expect(await ask("HEAD")).toEqual({ status: 200, text: "", type });
  deps.health.recordFailure("plane", "marked reason");
  expect(await ask()).toEqual({ status: 503, text: "not ok", type });
  expect((await requestReady(url)).status).toBe(503);
});

test("GET /webhooks/health (MONITOR-01) says not ok while the store does not answer, which it asks once a second, and 429 to a source after 100 requests a minute", async () => {
  const real = createMemoryStore({ clock: Date.now });
  let [now, reads, isDown] = [1_700_000_000_000, 0, false];
  const fail = () => {
    reads += 1;
    return Promise.reject(new Error("ECONNREFUSED"));
  };
  const { url, deps } = await startTestRuntime({
    store: { ...real, now: () => (isDown ? fail() : real.now()) },
    ...{ env: { TRUSTED_PROXIES: "127.0.0.1" }, overrides: { clock: () => now } },
  });
  deps.health.recordSuccess("plane");
  const ask = async (source = "203.0.113.1") => {
    const response = await fetch(`${url}/webhooks/health`, { headers: { "X-Forwarded-For": source } });
    return [response.status, await response.text(), response.headers.get("retry-after")];
  };
  expect(await ask()).toEqual([200, "ok", null]);
  isDown = true;
  expect(await ask()).toEqual([200, "ok", null]);
  now += 1_000;
  expect(await ask()).toEqual([503, "not ok", null]);
  const before = reads;
  expect(before).toBeGreaterThan(0);
  for (let i = 3; i < 100; i += 1) expect(await ask()).toEqual([503, "not ok", null]);
  expect(reads).toBe(before);
  expect(await ask()).toEqual([429, expect.any(String), "60"]);
  expect(await ask("203.0.113.2")).toEqual([503, "not ok", null]);
  now += MINUTE;
  expect((await ask())[0]).toBe(503);
});

test("GET /health (MONITOR-01) returns the status, version, uptime and counts to anyone", async () => {
  let now = 1_700_000_000_000;
  const { url } = await startTestRuntime({ overrides: { clock: () => now } });
  await postWebhook(url, JSON.stringify({ event: "issue", data: { id: "1" } }));
  now += 61_500;
  const response = await fetch(`${url}/health`);
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({
    ...{ status: "healthy", version: packageJson.version, uptime_s: 61 },
    queues: { inbox: { pending: 1, dead: 0 }, outbox: { pending: 0, dead: 0 } },
  });
});

test("GET /health (MONITOR-01) responds 503 without a reason when the store does not respond", async () => {
  const store = createMemoryStore({ clock: Date.now });
  const { url } = await startTestRuntime({
    store: { ...store, stats: () => Promise.reject(new Error("marked reason")) },
  });
  const response = await fetch(`${url}/health`);
  expect(response.status).toBe(503);
  expect(await response.text()).not.toContain("marked");
});
