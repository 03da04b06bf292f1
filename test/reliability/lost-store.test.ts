import { Redis } from "ioredis";
import { describe, expect, onTestFinished, test } from "vitest";
import { hasRedisServer, startRedis } from "../support/redis-server.ts";
import { findDuplicated, findMissing, findUnexpected, readCompletions } from "./completions.ts";
import { NO_TELEGRAM_LIMITS, SIMULATED_CHAT, startSimulators, toItemKey } from "./simulators.ts";
import { spawnRuntime } from "./spawned-runtime.ts";

const CONFIG = { notifications: [{ events: ["completed"] }] };
const LIMIT_MS = 180_000;

describe.skipIf(!hasRedisServer())("with Redis", () => {
  test(
    "after a FLUSHALL while it runs, every change since the new baseline began is reported once and no older one",
    async () => {
      const redis = await startRedis();
      onTestFinished(() => redis.stop());
      let passed = 0;
      const simulators = await startSimulators({
        telegram: NO_TELEGRAM_LIMITS,
        clock: () => Date.now() + passed,
      });
      const { plane } = simulators;
      const project = simulators.addProject();
      const items = simulators.addItems(project, 1_200);
      const common = { env: simulators.env, config: CONFIG, store: redis.url };
      const runtime = await spawnRuntime({ ...common, childOptions: { burst: 0 } });
      const older = items.slice(0, 5);
      const [early, ...during] = items.slice(5, 26);
      for (const item of older) plane.editItem(item, { state: "Done" });
      simulators.takeWebhookBodies();
      await runtime.poll();
      await runtime.waitUntilIdle();

      const client = new Redis(redis.url);
      await client.flushall();
      client.disconnect();
      const before = plane.ledger.requests.length;
      const deliver = () =>
        Promise.all(
          simulators.takeWebhookBodies().map(async (body) => {
            const headers = simulators.createDeliveryHeaders(body);
            expect((await runtime.request("/webhooks/plane", { method: "POST", headers, body })).status).toBe(200);
          }),
        );
      // The first webhook finds an empty store, which begins a baseline; its own change is older.
      plane.faults.add({ path: "work-items/?" }, { kind: "slow", wait: 300 });
      plane.editItem(early ?? "", { state: "Done" });
      await deliver();
      // The first page of items is requested after the beginning of the baseline was stored.
      const isBegun = () => plane.ledger.requests.slice(before).some(({ path }) => /\/work-items\/\?/.test(path));
      await expect.poll(isBegun, { timeout: 30_000, interval: 10 }).toBe(true);
      passed += 2_000;
      for (const item of during) {
        plane.editItem(item, { state: "Done" });
        await deliver();
      }
      const wanted = during.map((item) => toItemKey(project, item));
      const readMissing = () => findMissing(readCompletions(simulators.telegram, SIMULATED_CHAT), wanted);
      // Jobs that wait for the baseline are not due meanwhile, so a busy process looks idle before they run.
      await expect.poll(readMissing, { timeout: 90_000, interval: 200 }).toEqual([]);
      await runtime.waitUntilIdle();

      const completions = readCompletions(simulators.telegram, SIMULATED_CHAT);
      expect(findUnexpected(completions, wanted)).toEqual([]);
      expect(findDuplicated(completions)).toEqual([]);
    },
    LIMIT_MS,
  );
});
