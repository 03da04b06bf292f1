import { Cron } from "croner";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { manifest } from "../../functions/index.ts";
import { storeTick } from "../../functions/maintenance-ticks.ts";
import { openStore } from "../../runtime/stores/open-store.ts";
import { createMemoryStore } from "../../runtime/stores/sqlite-store.ts";
import type { Store, StoreCapacity } from "../../shared/store/port.ts";
import { hasRedisServer, startRedis } from "../support/redis-server.ts";
import { createTestSettings } from "../support/settings.ts";
import {
  createBearerHeaders,
  postWebhook,
  RUNTIME_ADMIN_TOKEN,
  RUNTIME_ENV,
  startTestRuntime,
} from "../support/test-runtime.ts";

const GIB = 1024 ** 3;

const readJson = async (response: Response) => z.record(z.string(), z.unknown()).parse(await response.json());

/** Starts the product with only the tick `store`, and functions for what its parts report. */
async function startWithStoreTick(store: Store) {
  const routesAndTick = { ...manifest, ticks: [storeTick], jobHandlers: [], services: [], ruleSets: () => [] };
  const runtime = await startTestRuntime({ store, manifest: routesAndTick });
  runtime.deps.health.recordSuccess("plane");
  const get = (path: string) => fetch(runtime.url + path, createBearerHeaders(RUNTIME_ADMIN_TOKEN));
  return {
    runtime,
    runTick: () => fetch(`${runtime.url}/ticks/store`, { method: "POST", ...createBearerHeaders(RUNTIME_ADMIN_TOKEN) }),
    async readStatuses() {
      const [health, ready, metrics] = await Promise.all([get("/health"), get("/ready"), get("/metrics")]);
      const isUp = /^groundcrew_store_up (\d)/m.exec(await metrics.text())?.[1];
      return { health: health.status, ready: ready.status, isUp, store: (await readJson(ready))["store"] };
    },
    readMetrics: async () => (await get("/metrics")).text(),
    readBoardHealth: async () => (await readJson(await get("/api/board")))["health"],
  };
}

const HEALTHY = { health: 200, ready: 200, isUp: "1", store: { ok: true, age_s: 0 } };

test("reliability 31: the tick store runs often enough that a failed write is reported within 60 s, and its end after two runs as well", () => {
  const start = new Date("2026-11-21T08:00:01Z");
  const runs = new Cron(storeTick.cron(createTestSettings(RUNTIME_ENV)), { timezone: "UTC" }).nextRuns(10, start);
  const gaps = runs.map((run, i) => run.getTime() - (runs[i - 1] ?? start).getTime());
  expect(gaps).toHaveLength(10);
  expect(Math.max(...gaps) * 2).toBeLessThanOrEqual(60_000);
});

test.skipIf(!hasRedisServer())(
  "reliability 31: a Redis at maxmemory is reported by /health, /ready and the metrics, and recovers after two writes",
  async () => {
    const redis = await startRedis({ "maxmemory-policy": "noeviction" });
    onTestFinished(() => redis.stop());
    const admin = new Redis(redis.url);
    onTestFinished(() => void admin.disconnect());
    const store = await openStore(redis.url, { prefix: "t" });
    onTestFinished(() => store.close());
    const { runtime, runTick, readStatuses, readMetrics, readBoardHealth } = await startWithStoreTick(store);
    const setLimit = (bytes: number) => admin.config("SET", "maxmemory", bytes);
    const failed = { health: 503, ready: 503, isUp: "0" };
    await setLimit(1);
    await expect(postWebhook(runtime.url, JSON.stringify({ event: "issue", data: { id: "1" } }))).rejects.toThrow();
    expect(await readStatuses()).toMatchObject(failed);
    expect(await (await runTick()).json()).toMatchObject({ failed: 1 });
    const error = expect.stringMatching(/^Redis at .* OOM/);
    expect(await readStatuses()).toMatchObject({ ...failed, store: { ok: false, error } });
    await setLimit(0);
    await runTick();
    await runTick();
    expect(await readStatuses()).toEqual(HEALTHY);
    // A large command would count as used memory itself, until its buffer is freed.
    await admin.setrange("filler", 8_000_000, "x");
    await setLimit(Math.ceil(Number(/used_memory:(\d+)/.exec(await admin.info("memory"))?.[1]) / 0.93));
    await runTick();
    const warning = expect.stringMatching(/^Redis uses 9\d % of its memory limit/);
    expect(await readStatuses()).toEqual({ ...HEALTHY, store: { ok: true, age_s: 0, warnings: [warning] } });
    expect(await readBoardHealth()).toMatchObject({ store: { ok: true, warnings: [{ kind: "memory" }] } });
    expect(await readMetrics()).toMatch(/^groundcrew_store_memory_used_ratio\{engine="redis"\} 0\.9/m);
  },
);

test("A disk that is nearly full is a warning in /ready, on the page and in the metrics, and changes no status", async () => {
  let disk = { free: 20 * GIB, size: 100 * GIB };
  const readCapacity = async (): Promise<StoreCapacity> => ({ disk });
  const app = await startWithStoreTick({ ...createMemoryStore({ clock: Date.now }), readCapacity });
  await app.runTick();
  expect(await app.readStatuses()).toEqual(HEALTHY);
  expect(await app.readBoardHealth()).not.toHaveProperty("store");
  disk = { free: 300 * 1024 ** 2, size: 100 * GIB };
  await app.runTick();
  const warning = "the disk of the store has only 300 MiB free";
  expect(await app.readStatuses()).toEqual({ ...HEALTHY, store: { ok: true, age_s: 0, warnings: [warning] } });
  const warnings = [{ kind: "disk", free: disk.free }];
  expect(await app.readBoardHealth()).toMatchObject({ store: { ok: true, warnings } });
  expect(await app.readMetrics()).toContain(`groundcrew_store_disk_free_bytes{engine="file"} ${disk.free}`);
});
