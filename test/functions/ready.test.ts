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

test("GET /ready (MONITOR-01) reports that the store is down", async () => {
  const real = createMemoryStore({ clock: Date.now });
  const { url } = await startTestRuntime({
    store: { ...real, now: () => Promise.reject(new Error("ECONNREFUSED")) },
  });
  expect((await requestReady(url)).body).toMatchObject({ store: { ok: false, error: "ECONNREFUSED" } });
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
