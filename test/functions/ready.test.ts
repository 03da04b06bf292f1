import { expect, test } from "vitest";
import { createMemoryStore } from "../../runtime/stores/sqlite-store.ts";
import { type CanaryRecord, canaryKey, describeAddress } from "../../shared/monitoring/canary.ts";
import { createBearerHeaders, RUNTIME_ADMIN_TOKEN, startTestRuntime } from "../support/test-runtime.ts";

const TELEGRAM = {
  TELEGRAM_BOT_TOKEN: "123456:marked-bot-token",
  TELEGRAM_CHAT_ID: "-100",
  TELEGRAM_API_ROOT: "http://127.0.0.1:1",
};

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
  const { url, deps } = await startTestRuntime({ env: TELEGRAM, overrides: { clock: () => now } });
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

test("GET /ready (MONITOR-01) reports that the store does not answer within 2 s", async () => {
  const real = createMemoryStore({ clock: Date.now });
  let hangs = false;
  const { url } = await startTestRuntime({
    store: { ...real, now: () => (hangs ? new Promise(() => {}) : real.now()) },
    overrides: {
      wait: (ms, signal) =>
        hangs && ms === 2_000
          ? Promise.resolve()
          : new Promise((resolve) => signal?.addEventListener("abort", () => resolve())),
    },
  });
  hangs = true;
  expect((await requestReady(url)).body).toMatchObject({ store: { ok: false, error: "no answer within 2000 ms" } });
  hangs = false;
});

test("GET /ready (MONITOR-01) reports the last canary, and stays ready while webhooks are missing", async () => {
  const store = createMemoryStore({ clock: () => 1_000_000 });
  const { url, deps } = await startTestRuntime({ store });
  deps.health.recordSuccess("plane");
  const location = { project: "p", item: "i", comment: "c" };
  const address = describeAddress(deps.settings);
  const keep = (value: Partial<CanaryRecord>) =>
    store.commit({ put: [{ key: canaryKey, value: { ...location, ...value } }] });
  await keep({
    lastEdit: { nonce: "1", at: 990_000, address },
    lastArrival: { nonce: "1", at: 992_500, durationMs: 2_500, address },
  });
  expect(await requestReady(url)).toMatchObject({
    status: 200,
    body: { webhooks: { ok: true, age_s: 8, seconds: 2.5 } },
  });
  await keep({ lastEdit: { nonce: "2", at: 880_000, address }, silentSince: 880_000 });
  expect(await requestReady(url)).toEqual({
    status: 200,
    body: expect.objectContaining({
      webhooks: { ok: false, age_s: null, seconds: null, error: expect.stringContaining("silent for 2 min") },
    }),
  });
});

test("GET /ready (MONITOR-01) does not count the result of a canary that was sent before the address changed", async () => {
  const store = createMemoryStore({ clock: () => 1_000_000 });
  const { url, deps } = await startTestRuntime({ store });
  deps.health.recordSuccess("plane");
  const address = describeAddress(deps.settings);
  const other = describeAddress({ ...deps.settings, publicUrl: "https://earlier.example.com" });
  const sent = { nonce: "1", at: 990_000 };
  const readWith = async (value: Partial<CanaryRecord>) => {
    await store.commit({ put: [{ key: canaryKey, value: { project: "p", item: "i", comment: "c", ...value } }] });
    return (await requestReady(url)).body;
  };
  expect(
    await readWith({ lastEdit: { ...sent, address }, lastArrival: { ...sent, durationMs: 5, address } }),
  ).toMatchObject({
    webhooks: { ok: true },
  });
  const unknown = { webhooks: { ok: null, age_s: null, seconds: null } };
  expect(
    await readWith({ lastEdit: { ...sent, address: other }, lastArrival: { ...sent, durationMs: 5, address: other } }),
  ).toMatchObject(unknown);
  expect(await readWith({ lastEdit: { ...sent, address: other }, silentSince: 980_000 })).toMatchObject(unknown);
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

test("GET /webhooks/health (MONITOR-01) says not ok while the store does not answer, which it asks once a second", async () => {
  const real = createMemoryStore({ clock: Date.now });
  let now = 0;
  let reads = 0;
  let isDown = false;
  const readNow = () => {
    reads += 1;
    return Promise.reject(new Error("ECONNREFUSED"));
  };
  const { url, deps } = await startTestRuntime({
    store: { ...real, now: () => (isDown ? readNow() : real.now()) },
    overrides: { clock: () => now },
  });
  deps.health.recordSuccess("plane");
  const ask = async () => {
    const response = await fetch(`${url}/webhooks/health`);
    return [response.status, await response.text()];
  };
  expect(await ask()).toEqual([200, "ok"]);
  isDown = true;
  expect(await ask()).toEqual([200, "ok"]);
  now += 1_000;
  expect(await ask()).toEqual([503, "not ok"]);
  const before = reads;
  expect(before).toBeGreaterThan(0);
  for (let i = 0; i < 5; i += 1) expect(await ask()).toEqual([503, "not ok"]);
  expect(reads).toBe(before);
});

test("GET /webhooks/health (MONITOR-01) answers 429 to a source after 100 requests a minute, and others as before", async () => {
  let now = 1_700_000_000_000;
  const { url } = await startTestRuntime({
    env: { TRUSTED_PROXIES: "127.0.0.1" },
    overrides: { clock: () => now },
  });
  const ask = async (source: string) => {
    const response = await fetch(`${url}/webhooks/health`, { headers: { "X-Forwarded-For": source } });
    await response.body?.cancel();
    return { status: response.status, retryAfter: response.headers.get("retry-after") };
  };
  for (let i = 0; i < 100; i += 1) expect(await ask("203.0.113.1")).toEqual({ status: 503, retryAfter: null });
  expect(await ask("203.0.113.1")).toEqual({ status: 429, retryAfter: "60" });
  expect(await ask("203.0.113.2")).toEqual({ status: 503, retryAfter: null });
  now += 60_000;
  expect(await ask("203.0.113.1")).toEqual({ status: 503, retryAfter: null });
});
