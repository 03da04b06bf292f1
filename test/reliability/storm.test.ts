import { expect, test } from "vitest";
import { redisIsHere, startRedis } from "../redis.ts";
import { CHAT, keyOf, PATIENT, startOutside } from "./outside.ts";
import { startProcess } from "./process.ts";
import { chance as chanceFor, FULL, sized } from "./random.ts";
import { storm } from "./storm.ts";
import { doubled, invented, lost, toldOf } from "./told.ts";

/** Four deliveries an item (state, name, priority, state), a fifth of them doubled, a twentieth forged besides. */
const ITEMS = sized(2_050, 150);
const KILLS = 3;
const COMPLETED = { notifications: [{ name: "done", events: ["completed"] }] };
/**
 * What a killed process held is free again after its lease: a minute for a poll, five for a job on Redis. Every day
 * polls are rare, so that no kill meets one, and jobs are taken up again sooner.
 */
const OFTEN = FULL ? { collect: 500 } : { collect: 60_000, ttl: 4_000 };
const LIMIT_MS = sized(900_000, 90_000);

test(
  `1: a storm of ${FULL ? "10,000" : "some"} webhooks and three kill -9 lose, forge and double nothing`,
  async () => {
    const chance = chanceFor("storm");
    const outside = await startOutside({ telegram: PATIENT });
    const project = outside.project();
    const items = outside.items(project, ITEMS);
    const decoys = outside.items(project, 20, "Decoy");
    outside.bodies();
    const { env } = outside;
    const runtime = await startProcess({ env, config: COMPLETED, handed: { burst: 0, ...OFTEN } });
    expect((await runtime.poll()).status).toBe(200);

    const sent = await storm({
      outside,
      runtimes: [runtime],
      items,
      decoys,
      chance,
      kills: KILLS,
      gently: !FULL,
      pace: sized(120, 60),
    });
    expect((await runtime.poll()).status).toBe(200);
    await runtime.quiet();

    const told = toldOf(outside.telegram, CHAT);
    const wanted = items.map((item) => keyOf(project, item));
    console.info("storm:", JSON.stringify({ ...sent, marked: told.marked, total: told.total }));
    expect(lost(told, wanted)).toEqual([]);
    expect(invented(told, wanted)).toEqual([]);
    expect(doubled(told)).toEqual([]);
    expect(told.marked).toBeLessThanOrEqual(KILLS);
    expect(told.total).toBeLessThanOrEqual(ITEMS + told.marked);
    expect(sent).toMatchObject({ forgedTaken: 0, trueRefused: 0 });
    expect(sent.broken).toBeGreaterThan(0);
    expect(runtime.lives).toBe(KILLS + 1);
    expect(await (await runtime.ask("/dead-letters")).json()).toEqual({ dead_letters: [] });
  },
  LIMIT_MS,
);

test.skipIf(!redisIsHere())(
  "1: the same on Redis with two runtimes at once, told in counted summaries",
  async () => {
    const chance = chanceFor("storm on redis");
    const redis = await startRedis({ appendonly: "yes", "maxmemory-policy": "noeviction" });
    try {
      const outside = await startOutside({ telegram: PATIENT });
      const project = outside.project();
      const items = outside.items(project, sized(400, 100));
      const decoys = outside.items(project, 10, "Decoy");
      outside.bodies();
      const { env } = outside;
      const common = { env, config: COMPLETED, handed: { burst: 3_000, gather: 200, ...OFTEN }, store: redis.url };
      const runtimes = await Promise.all([startProcess(common), startProcess(common)]);
      const [first] = runtimes;
      expect((await first.poll()).status).toBe(200);

      const sent = await storm({
        outside,
        runtimes,
        items,
        decoys,
        chance,
        kills: KILLS,
        gently: !FULL,
        pace: sized(80, 50),
      });
      expect((await first.poll()).status).toBe(200);
      await first.quiet();

      const told = toldOf(outside.telegram, CHAT);
      console.info("storm on redis:", JSON.stringify({ ...sent, marked: told.marked, total: told.total }));
      const wanted = items.map((item) => keyOf(project, item));
      expect(invented(told, wanted)).toEqual([]);
      expect(doubled(told)).toEqual([]);
      expect(told.marked).toBeLessThanOrEqual(KILLS);
      // A summary counts; only a message that says it may be a repeat may be counted twice.
      expect(told.total).toBeGreaterThanOrEqual(items.length);
      if (told.marked === 0) expect(told.total).toBe(items.length);
      expect(sent).toMatchObject({ forgedTaken: 0, trueRefused: 0 });
      expect(await (await first.ask("/dead-letters")).json()).toEqual({ dead_letters: [] });
    } finally {
      await redis.stop();
    }
  },
  LIMIT_MS,
);
