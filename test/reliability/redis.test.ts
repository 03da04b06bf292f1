import { describe, expect, test } from "vitest";
import { formatRequestHead, openConnection } from "../support/raw-connection.ts";
import { hasRedisServer, startRedis, type TestRedis } from "../support/redis-server.ts";
import { findDuplicated, findMissing, findUnexpected, readCompletions } from "./completions.ts";
import { createLoggedRandom as chanceFor, pickSize } from "./random-source.ts";
import { NO_TELEGRAM_LIMITS, SIMULATED_CHAT, type Simulators, startSimulators, toItemKey } from "./simulators.ts";
import { type SpawnedRuntime, spawnRuntime } from "./spawned-runtime.ts";

const CONFIG = { notifications: [{ events: ["completed"] }] };
const DURABLE_CONFIG = { appendonly: "yes", appendfsync: "always", "maxmemory-policy": "noeviction" };
const LIMIT_MS = 120_000;

/** What came back over the wire, to the byte: undefined when the connection ended without an answer. */
async function sendRawWebhook(runtime: SpawnedRuntime, outside: Simulators, body: string): Promise<number | undefined> {
  const { socket, ended } = await openConnection(runtime.url);
  const length = String(Buffer.byteLength(body));
  const headers = { ...outside.createDeliveryHeaders(body), "content-length": length, connection: "close" };
  socket.write(formatRequestHead("POST", "/webhooks/plane", headers) + body);
  return (await ended).status;
}

async function withRedis(act: (redis: TestRedis) => Promise<void>) {
  const redis = await startRedis(DURABLE_CONFIG);
  try {
    await act(redis);
  } finally {
    await redis.stop();
  }
}

/** Only webhooks bring anything: no poll may heal what was lost. */
async function startRuntimeOnRedis(redis: TestRedis, outside: Simulators, count: number) {
  const project = outside.addProject();
  const items = outside.addItems(project, count);
  outside.addItems(project, 1, "Left open");
  outside.takeWebhookBodies();
  const common = { env: outside.env, config: CONFIG, store: redis.url };
  const runtime = await spawnRuntime({ ...common, childOptions: { burst: 0, ttl: 4_000 } });
  await runtime.poll();
  await runtime.kill();
  await runtime.start({ poll: false });
  return { project, items, runtime };
}

describe.skipIf(!hasRedisServer())("with Redis", () => {
  test(
    "4: while the store is down a webhook's connection is broken, and once it is back everything arrives",
    () =>
      withRedis(async (redis) => {
        const outside = await startSimulators({ telegram: NO_TELEGRAM_LIMITS });
        const { project, items, runtime } = await startRuntimeOnRedis(redis, outside, 6);
        for (const item of items) outside.plane.editItem(item, { state: "Done" });
        const bodies = outside.takeWebhookBodies();
        await redis.kill();
        expect(await Promise.all(bodies.map((body) => sendRawWebhook(runtime, outside, body)))).toEqual(
          bodies.map(() => undefined),
        );
        await redis.start();
        const left = new Set(bodies);
        for (const end = Date.now() + 30_000; left.size > 0 && Date.now() < end; ) {
          for (const body of left) if ((await sendRawWebhook(runtime, outside, body)) === 200) left.delete(body);
        }
        expect(left.size).toBe(0);
        await runtime.waitUntilIdle();
        const told = readCompletions(outside.telegram, SIMULATED_CHAT);
        const wanted = items.map((item) => toItemKey(project, item));
        expect({ lost: findMissing(told, wanted), doubled: findDuplicated(told), total: told.total }).toEqual({
          lost: [],
          doubled: [],
          total: items.length,
        });
      }),
    LIMIT_MS,
  );

  test(
    "10: Redis killed and restarted under load loses nothing that was acknowledged",
    () =>
      withRedis(async (redis) => {
        const chance = chanceFor("redis under load");
        const outside = await startSimulators({ telegram: NO_TELEGRAM_LIMITS });
        const { project, items, runtime } = await startRuntimeOnRedis(redis, outside, pickSize(600, 120));
        const acknowledged: string[] = [];
        const answers = { kept: 0, broken: 0, other: 0 };
        let restarting: Promise<void> = Promise.resolve();
        const waiting = [...items];
        const lane = async () => {
          for (let item = waiting.pop(); item; item = waiting.pop()) {
            const key = toItemKey(project, item);
            outside.plane.editItem(item, { state: "Done" });
            for (const body of outside.takeWebhookBodies()) {
              const status = await sendRawWebhook(runtime, outside, body);
              if (status === 200) acknowledged.push(key);
              answers[status === 200 ? "kept" : status === undefined ? "broken" : "other"] += 1;
            }
            await new Promise((resolve) => setTimeout(resolve, 5 + chance.below(20)));
            if (waiting.length % Math.floor(items.length / 4) !== 0) continue;
            restarting = restarting.then(async () => {
              await redis.kill();
              await redis.start();
            });
          }
        };
        await Promise.all(Array.from({ length: 6 }, lane));
        await restarting;
        await runtime.waitUntilIdle();
        const told = readCompletions(outside.telegram, SIMULATED_CHAT);
        console.info("redis under load:", JSON.stringify({ ...answers, marked: told.marked, total: told.total }));
        expect(findMissing(told, acknowledged)).toEqual([]);
        expect(findDuplicated(told)).toEqual([]);
        expect(
          findUnexpected(
            told,
            items.map((item) => toItemKey(project, item)),
          ),
        ).toEqual([]);
        expect(answers.other).toBe(0);
        expect(answers.broken).toBeGreaterThan(0);
      }),
    LIMIT_MS * 3,
  );

  test(
    "13: a poll slower than its clock never overlaps itself, neither here nor in another process",
    () =>
      withRedis(async (redis) => {
        const outside = await startSimulators();
        const { plane } = outside;
        const project = outside.addProject();
        outside.addItems(project, 3);
        outside.takeWebhookBodies();
        let atOnce = 0;
        const seen: number[] = [];
        plane.faults.beforeRequest(async ({ path }) => {
          if (!path.includes("/work-items/?")) return;
          atOnce += 1;
          seen.push(atOnce);
          await new Promise((resolve) => setTimeout(resolve, 1_300));
          atOnce -= 1;
        });
        const env = { ...outside.env, POLL_CRON: "* * * * * *" };
        const runtimes = await Promise.all([
          spawnRuntime({ env, store: redis.url }),
          spawnRuntime({ env, store: redis.url }),
        ]);
        await new Promise((resolve) => setTimeout(resolve, pickSize(30_000, 5_500)));
        for (const runtime of runtimes) await runtime.kill();
        expect(seen.length).toBeGreaterThanOrEqual(3);
        expect(Math.max(...seen)).toBe(1);
      }),
    LIMIT_MS,
  );
});
