import { expect, test } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { createMemoryStore } from "../../runtime/stores/sqlite-store.ts";
import { VERSION } from "../../shared/version.ts";
import { postWebhook, startTestRuntime } from "../support/test-runtime.ts";

test("GET /health (MONITOR-01) returns the status, version, uptime and counts to anyone", async () => {
  let now = 1_700_000_000_000;
  const { url } = await startTestRuntime({ overrides: { clock: () => now } });
  await postWebhook(url, JSON.stringify({ event: "issue", data: { id: "1" } }));
  now += 61_500;
  const response = await fetch(`${url}/health`);
  const none = { pending: 0, dead: 0 };
  expect([response.status, await response.json()]).toEqual([
    200,
    {
      status: "healthy",
      version: VERSION,
      uptime_s: 61,
      queues: {
        inbox: { pending: 1, dead: 0 },
        observe: none,
        outbox: none,
        forward: none,
        work: none,
        wake: none,
        updates: none,
        people: none,
        posts: none,
      },
    },
  ]);
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

test("GET /health (MONITOR-01) reads the store at most once a second, however often it is called", async () => {
  let reads = 0;
  const real = createMemoryStore({ clock: Date.now });
  const store = {
    ...real,
    stats: () => {
      reads += 1;
      return real.stats();
    },
  };
  let now = 0;
  const { url } = await startTestRuntime({ store, overrides: { clock: () => now } });
  for (let i = 0; i < 5; i++) await fetch(`${url}/health`);
  expect(reads).toBe(1);
  now += 1000;
  await fetch(`${url}/health`);
  expect(reads).toBe(2);
});

test("GET /health (MONITOR-01) returns the version of package.json", () => {
  expect(VERSION).toBe(packageJson.version);
});

test("GET /health (MONITOR-01, reliability 9) counts new jobs after the clock was set back", async () => {
  let now = 1_700_000_000_000;
  const { url } = await startTestRuntime({ overrides: { clock: () => now } });
  const readPending = async () => {
    const { queues } = (await (await fetch(`${url}/health`)).json()) as { queues: { inbox: { pending: number } } };
    return queues.inbox.pending;
  };
  expect(await readPending()).toBe(0);
  await postWebhook(url, JSON.stringify({ event: "issue", data: { id: "1" } }));
  now -= 3_600_000;
  expect(await readPending()).toBe(1);
});
