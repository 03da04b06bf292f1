import { expect, test } from "vitest";
import { hasRedisServer, startRedis } from "../support/redis-server.ts";
import { findDuplicated, findMissing, findUnexpected, readCompletions } from "./completions.ts";
import { createLoggedRandom as chanceFor, IS_FULL_RUN, pickSize } from "./random-source.ts";
import { NO_TELEGRAM_LIMITS, SIMULATED_CHAT, startSimulators, toItemKey } from "./simulators.ts";
import { spawnRuntime } from "./spawned-runtime.ts";
import { runWebhookStorm } from "./webhook-storm.ts";

/** Four deliveries an item (state, name, priority, state), a fifth of them doubled, a twentieth forged besides. */
const ITEMS = pickSize(2_050, 150);
const KILLS = 3;
const COMPLETED = { notifications: [{ name: "done", events: ["completed"] }] };
/**
 * What a killed process held is free again after its lease: a minute for a poll, five for a job on Redis. Every day
 * polls are rare, so that no kill meets one, and jobs are taken up again sooner.
 */
const CHILD_OPTIONS = IS_FULL_RUN ? { collect: 500 } : { collect: 60_000, ttl: 4_000 };
const LIMIT_MS = pickSize(900_000, 90_000);

test(
  `1: a storm of ${IS_FULL_RUN ? "10,000" : "some"} webhooks and three kill -9 lose, forge and double nothing`,
  async () => {
    const chance = chanceFor("storm");
    const outside = await startSimulators({ telegram: NO_TELEGRAM_LIMITS });
    const project = outside.addProject();
    const items = outside.addItems(project, ITEMS);
    const decoys = outside.addItems(project, 20, "Decoy");
    outside.takeWebhookBodies();
    const { env } = outside;
    const runtime = await spawnRuntime({ env, config: COMPLETED, childOptions: { burst: 0, ...CHILD_OPTIONS } });
    expect((await runtime.poll()).status).toBe(200);

    const sent = await runWebhookStorm({
      outside,
      runtimes: [runtime],
      items,
      decoys,
      chance,
      kills: KILLS,
      gently: !IS_FULL_RUN,
      pace: pickSize(120, 60),
    });
    expect((await runtime.poll()).status).toBe(200);
    await runtime.waitUntilIdle();

    const told = readCompletions(outside.telegram, SIMULATED_CHAT);
    const wanted = items.map((item) => toItemKey(project, item));
    console.info("storm:", JSON.stringify({ ...sent, marked: told.marked, total: told.total }));
    expect(findMissing(told, wanted)).toEqual([]);
    expect(findUnexpected(told, wanted)).toEqual([]);
    expect(findDuplicated(told)).toEqual([]);
    expect(told.marked).toBeLessThanOrEqual(KILLS);
    expect(told.total).toBeLessThanOrEqual(ITEMS + told.marked);
    expect(sent).toMatchObject({ forgedTaken: 0, trueRefused: 0 });
    expect(sent.broken).toBeGreaterThan(0);
    expect(runtime.startCount).toBe(KILLS + 1);
    expect(await (await runtime.request("/dead-letters")).json()).toEqual({ dead_letters: [] });
  },
  LIMIT_MS,
);

test.skipIf(!hasRedisServer())(
  "1: the same on Redis with two runtimes at once, told in counted summaries",
  async () => {
    const chance = chanceFor("storm on redis");
    const redis = await startRedis({ appendonly: "yes", "maxmemory-policy": "noeviction" });
    try {
      const outside = await startSimulators({ telegram: NO_TELEGRAM_LIMITS });
      const project = outside.addProject();
      const items = outside.addItems(project, pickSize(400, 100));
      const decoys = outside.addItems(project, 10, "Decoy");
      outside.takeWebhookBodies();
      const { env } = outside;
      const common = {
        env,
        config: COMPLETED,
        childOptions: { burst: 3_000, gather: 200, ...CHILD_OPTIONS },
        store: redis.url,
      };
      const runtimes = await Promise.all([spawnRuntime(common), spawnRuntime(common)]);
      const [first] = runtimes;
      expect((await first.poll()).status).toBe(200);

      const sent = await runWebhookStorm({
        outside,
        runtimes,
        items,
        decoys,
        chance,
        kills: KILLS,
        gently: !IS_FULL_RUN,
        pace: pickSize(80, 50),
      });
      expect((await first.poll()).status).toBe(200);
      await first.waitUntilIdle();

      const told = readCompletions(outside.telegram, SIMULATED_CHAT);
      console.info("storm on redis:", JSON.stringify({ ...sent, marked: told.marked, total: told.total }));
      const wanted = items.map((item) => toItemKey(project, item));
      expect(findUnexpected(told, wanted)).toEqual([]);
      expect(findDuplicated(told)).toEqual([]);
      expect(told.marked).toBeLessThanOrEqual(KILLS);
      // A summary counts; only a message that says it may be a repeat may be counted twice.
      expect(told.total).toBeGreaterThanOrEqual(items.length);
      if (told.marked === 0) expect(told.total).toBe(items.length);
      expect(sent).toMatchObject({ forgedTaken: 0, trueRefused: 0 });
      expect(await (await first.request("/dead-letters")).json()).toEqual({ dead_letters: [] });
    } finally {
      await redis.stop();
    }
  },
  LIMIT_MS,
);
