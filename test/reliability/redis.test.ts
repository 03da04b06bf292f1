import { describe, expect, test } from "vitest";
import { formatWebhookHead, openConnection } from "../support/raw-connection.ts";
import { hasRedisServer, startRedis, type TestRedis } from "../support/redis-server.ts";
import { findDuplicated, findMissing, findUnexpected, readCompletions } from "./completions.ts";
import { createLoggedRandom, pickSize } from "./random-source.ts";
import { NO_TELEGRAM_LIMITS, SIMULATED_CHAT, type Simulators, startSimulators, toItemKey } from "./simulators.ts";
import { type SpawnedRuntime, spawnRuntime } from "./spawned-runtime.ts";

const CONFIG = { notifications: [{ events: ["completed"] }] };
const DURABLE_CONFIG = { appendonly: "yes", appendfsync: "always", "maxmemory-policy": "noeviction" };
const LIMIT_MS = 120_000;

/** Sends a webhook over a raw connection; undefined when the connection ended without a single byte of response. */
async function sendRawWebhook(
  runtime: SpawnedRuntime,
  simulators: Simulators,
  body: string,
): Promise<number | undefined> {
  const { socket, ended } = await openConnection(runtime.url);
  const length = String(Buffer.byteLength(body));
  const headers = { ...simulators.createDeliveryHeaders(body), "content-length": length, connection: "close" };
  socket.write(formatWebhookHead(headers) + body);
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

/** Starts a runtime without polls, so that no poll repairs a lost webhook. */
async function startRuntimeOnRedis(redis: TestRedis, simulators: Simulators, count: number) {
  const project = simulators.addProject();
  const items = simulators.addItems(project, count);
  simulators.addItems(project, 1, "Left open");
  simulators.takeWebhookBodies();
  const common = { env: simulators.env, config: CONFIG, store: redis.url };
  const runtime = await spawnRuntime({ ...common, childOptions: { burst: 0, ttl: 4_000 } });
  await runtime.poll();
  await runtime.kill();
  await runtime.start({ poll: false });
  return { project, items, runtime };
}

describe.skipIf(!hasRedisServer())("with Redis", () => {
  test(
    "reliability 4: while Redis is down a webhook's connection is broken, and everything arrives once it is back",
    () =>
      withRedis(async (redis) => {
        const simulators = await startSimulators({ telegram: NO_TELEGRAM_LIMITS });
        const { project, items, runtime } = await startRuntimeOnRedis(redis, simulators, 6);
        for (const item of items) simulators.plane.editItem(item, { state: "Done" });
        const bodies = simulators.takeWebhookBodies();
        await redis.kill();
        expect(await Promise.all(bodies.map((body) => sendRawWebhook(runtime, simulators, body)))).toEqual(
          bodies.map(() => undefined),
        );
        await redis.start();
        const unanswered = new Set(bodies);
        for (const end = Date.now() + 30_000; unanswered.size > 0 && Date.now() < end; ) {
          for (const body of unanswered)
            if ((await sendRawWebhook(runtime, simulators, body)) === 200) unanswered.delete(body);
        }
        expect(unanswered.size).toBe(0);
        await runtime.waitUntilIdle();
        const completions = readCompletions(simulators.telegram, SIMULATED_CHAT);
        const wanted = items.map((item) => toItemKey(project, item));
        expect({
          lost: findMissing(completions, wanted),
          doubled: findDuplicated(completions),
          total: completions.total,
        }).toEqual({
          lost: [],
          doubled: [],
          total: items.length,
        });
      }),
    LIMIT_MS,
  );

  test(
    "reliability 10: Redis killed and restarted under load loses nothing that was acknowledged",
    () =>
      withRedis(async (redis) => {
        const randomSource = createLoggedRandom("redis under load");
        const simulators = await startSimulators({ telegram: NO_TELEGRAM_LIMITS });
        const { project, items, runtime } = await startRuntimeOnRedis(redis, simulators, pickSize(600, 80));
        const acknowledged: string[] = [];
        const answers = { kept: 0, broken: 0, other: 0 };
        let restarting: Promise<void> = Promise.resolve();
        const waiting = [...items];
        const lane = async () => {
          for (let item = waiting.pop(); item; item = waiting.pop()) {
            const key = toItemKey(project, item);
            simulators.plane.editItem(item, { state: "Done" });
            for (const body of simulators.takeWebhookBodies()) {
              const status = await sendRawWebhook(runtime, simulators, body);
              if (status === 200) acknowledged.push(key);
              answers[status === 200 ? "kept" : status === undefined ? "broken" : "other"] += 1;
            }
            await new Promise((resolve) => setTimeout(resolve, 5 + randomSource.below(20)));
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
        const completions = readCompletions(simulators.telegram, SIMULATED_CHAT);
        console.info(
          "redis under load:",
          JSON.stringify({ ...answers, marked: completions.marked, total: completions.total }),
        );
        expect(findMissing(completions, acknowledged)).toEqual([]);
        expect(findDuplicated(completions)).toEqual([]);
        expect(
          findUnexpected(
            completions,
            items.map((item) => toItemKey(project, item)),
          ),
        ).toEqual([]);
        expect(answers.other).toBe(0);
        expect(answers.broken).toBeGreaterThan(0);
      }),
    LIMIT_MS * 3,
  );

  test(
    "reliability 13: a poll slower than its schedule never overlaps another one, in the same or another process",
    () =>
      withRedis(async (redis) => {
        const simulators = await startSimulators();
        const { plane } = simulators;
        const project = simulators.addProject();
        simulators.addItems(project, 3);
        simulators.takeWebhookBodies();
        let concurrentRequests = 0;
        const concurrencies: number[] = [];
        plane.faults.beforeRequest(async ({ path }) => {
          if (!path.includes("/work-items/?")) return;
          concurrentRequests += 1;
          concurrencies.push(concurrentRequests);
          await new Promise((resolve) => setTimeout(resolve, 1_300));
          concurrentRequests -= 1;
        });
        const env = { ...simulators.env, POLL_CRON: "* * * * * *" };
        const runtimes = await Promise.all([
          spawnRuntime({ env, store: redis.url }),
          spawnRuntime({ env, store: redis.url }),
        ]);
        await expect
          .poll(() => concurrencies.length, { timeout: LIMIT_MS / 2 })
          .toBeGreaterThanOrEqual(pickSize(15, 3));
        for (const runtime of runtimes) await runtime.kill();
        expect(Math.max(...concurrencies)).toBe(1);
      }),
    LIMIT_MS,
  );
});
