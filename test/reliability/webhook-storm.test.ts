import { expect, test } from "vitest";
import { hasRedisServer, startRedis } from "../support/redis-server.ts";
import { findDuplicated, findMissing, findUnexpected, readCompletions } from "./completions.ts";
import { createLoggedRandom, IS_FULL_RUN, pickSize } from "./random-source.ts";
import { NO_TELEGRAM_LIMITS, SIMULATED_CHAT, startSimulators, toItemKey } from "./simulators.ts";
import { spawnRuntime } from "./spawned-runtime.ts";
import { runWebhookStorm } from "./webhook-storm.ts";

/** Each item causes four deliveries (state, name, priority, state); 20 % of them are duplicated, 5 % are forged. */
const ITEMS = pickSize(2_050, 60);
const KILLS = 3;
const COMPLETED = { notifications: [{ name: "done", events: ["completed"] }] };
/**
 * A killed process's lease expires after a minute for a poll and after five for a job on Redis. Outside the full run
 * polls are rare, so that no kill interrupts one, and leases of jobs are shorter.
 */
const CHILD_OPTIONS = IS_FULL_RUN ? { collect: 500 } : { collect: 60_000, ttl: 4_000 };
const LIMIT_MS = pickSize(900_000, 90_000);

test(
  `reliability 1: a storm of ${IS_FULL_RUN ? "10,000" : "some"} webhooks with three kill -9 loses, invents and doubles nothing`,
  async () => {
    const randomSource = createLoggedRandom("storm");
    const simulators = await startSimulators({ telegram: NO_TELEGRAM_LIMITS });
    const project = simulators.addProject();
    const items = simulators.addItems(project, ITEMS);
    const decoys = simulators.addItems(project, 20, "Decoy");
    simulators.takeWebhookBodies();
    const { env } = simulators;
    const runtime = await spawnRuntime({ env, config: COMPLETED, childOptions: { burst: 0, ...CHILD_OPTIONS } });
    expect((await runtime.poll()).status).toBe(200);

    const sent = await runWebhookStorm({
      simulators,
      runtimes: [runtime],
      items,
      decoys,
      randomSource,
      kills: KILLS,
      gently: !IS_FULL_RUN,
      pace: pickSize(120, 60),
    });
    expect((await runtime.poll()).status).toBe(200);
    await runtime.waitUntilIdle();

    const completions = readCompletions(simulators.telegram, SIMULATED_CHAT);
    const wanted = items.map((item) => toItemKey(project, item));
    console.info("storm:", JSON.stringify({ ...sent, marked: completions.marked, total: completions.total }));
    expect(findMissing(completions, wanted)).toEqual([]);
    expect(findUnexpected(completions, wanted)).toEqual([]);
    expect(findDuplicated(completions)).toEqual([]);
    expect(completions.marked).toBeLessThanOrEqual(KILLS);
    expect(completions.total).toBeLessThanOrEqual(ITEMS + completions.marked);
    expect(sent).toMatchObject({ forgedTaken: 0, trueRefused: 0 });
    expect(sent.broken).toBeGreaterThan(0);
    expect(runtime.startCount).toBe(KILLS + 1);
    expect(await (await runtime.request("/dead-letters")).json()).toEqual({ dead_letters: [] });
  },
  LIMIT_MS,
);

// The usual run kills two processes on Redis in several-processes.test.ts.
test.runIf(IS_FULL_RUN && hasRedisServer())(
  "reliability 1: a storm of webhooks on Redis with two runtimes loses, invents and doubles nothing in summaries",
  async () => {
    const randomSource = createLoggedRandom("storm on redis");
    const redis = await startRedis({ appendonly: "yes", "maxmemory-policy": "noeviction" });
    try {
      const simulators = await startSimulators({ telegram: NO_TELEGRAM_LIMITS });
      const project = simulators.addProject();
      const items = simulators.addItems(project, 400);
      const decoys = simulators.addItems(project, 10, "Decoy");
      simulators.takeWebhookBodies();
      const { env } = simulators;
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
        simulators,
        runtimes,
        items,
        decoys,
        randomSource,
        kills: KILLS,
        gently: !IS_FULL_RUN,
        pace: 80,
      });
      expect((await first.poll()).status).toBe(200);
      await first.waitUntilIdle();

      const completions = readCompletions(simulators.telegram, SIMULATED_CHAT);
      console.info(
        "storm on redis:",
        JSON.stringify({ ...sent, marked: completions.marked, total: completions.total }),
      );
      const wanted = items.map((item) => toItemKey(project, item));
      expect(findUnexpected(completions, wanted)).toEqual([]);
      expect(findDuplicated(completions)).toEqual([]);
      expect(completions.marked).toBeLessThanOrEqual(KILLS);
      // Summaries contain counts; only messages marked as a possible repeat may count tasks twice.
      expect(completions.total).toBeGreaterThanOrEqual(items.length);
      if (completions.marked === 0) expect(completions.total).toBe(items.length);
      expect(sent).toMatchObject({ forgedTaken: 0, trueRefused: 0 });
      expect(await (await first.request("/dead-letters")).json()).toEqual({ dead_letters: [] });
    } finally {
      await redis.stop();
    }
  },
  LIMIT_MS,
);
