import { describe, expect, test } from "vitest";
import { redisIsHere, startRedis, type TestRedis } from "../redis.ts";
import { head, open } from "../runtime/raw.ts";
import { CHAT, keyOf, type Outside, PATIENT, startOutside } from "./outside.ts";
import { type Running, startProcess } from "./process.ts";
import { chance as chanceFor, sized } from "./random.ts";
import { doubled, invented, lost, toldOf } from "./told.ts";

const CONFIG = { notifications: [{ events: ["completed"] }] };
const SAFE = { appendonly: "yes", appendfsync: "always", "maxmemory-policy": "noeviction" };
const LIMIT_MS = 120_000;

/** What came back over the wire, to the byte: undefined when the connection ended without an answer. */
async function statusOf(runtime: Running, outside: Outside, body: string): Promise<number | undefined> {
  const { socket, ended } = await open(runtime.url);
  const length = String(Buffer.byteLength(body));
  const headers = { ...outside.headers(body), "content-length": length, connection: "close" };
  socket.write(head("POST", "/webhooks/plane", headers) + body);
  return (await ended).status;
}

async function withRedis(act: (redis: TestRedis) => Promise<void>) {
  const redis = await startRedis(SAFE);
  try {
    await act(redis);
  } finally {
    await redis.stop();
  }
}

/** Only webhooks bring anything: no poll may heal what was lost. */
async function begin(redis: TestRedis, outside: Outside, count: number) {
  const project = outside.project();
  const items = outside.items(project, count);
  outside.items(project, 1, "Left open");
  outside.bodies();
  const common = { env: outside.env, config: CONFIG, store: redis.url };
  const runtime = await startProcess({ ...common, handed: { burst: 0, ttl: 4_000 } });
  await runtime.poll();
  await runtime.kill();
  await runtime.start({ poll: false });
  return { project, items, runtime };
}

describe.skipIf(!redisIsHere())("with Redis", () => {
  test(
    "4: while the store is down a webhook's connection is broken, and once it is back everything arrives",
    () =>
      withRedis(async (redis) => {
        const outside = await startOutside({ telegram: PATIENT });
        const { project, items, runtime } = await begin(redis, outside, 6);
        for (const item of items) outside.plane.editItem(item, { state: "Done" });
        const bodies = outside.bodies();
        await redis.kill();
        expect(await Promise.all(bodies.map((body) => statusOf(runtime, outside, body)))).toEqual(
          bodies.map(() => undefined),
        );
        await redis.start();
        const left = new Set(bodies);
        for (const end = Date.now() + 30_000; left.size > 0 && Date.now() < end; ) {
          for (const body of left) if ((await statusOf(runtime, outside, body)) === 200) left.delete(body);
        }
        expect(left.size).toBe(0);
        await runtime.quiet();
        const told = toldOf(outside.telegram, CHAT);
        const wanted = items.map((item) => keyOf(project, item));
        expect({ lost: lost(told, wanted), doubled: doubled(told), total: told.total }).toEqual({
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
        const outside = await startOutside({ telegram: PATIENT });
        const { project, items, runtime } = await begin(redis, outside, sized(600, 120));
        const acknowledged: string[] = [];
        const answers = { kept: 0, broken: 0, other: 0 };
        let restarting: Promise<void> = Promise.resolve();
        const waiting = [...items];
        const lane = async () => {
          for (let item = waiting.pop(); item; item = waiting.pop()) {
            const key = keyOf(project, item);
            outside.plane.editItem(item, { state: "Done" });
            for (const body of outside.bodies()) {
              const status = await statusOf(runtime, outside, body);
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
        await runtime.quiet();
        const told = toldOf(outside.telegram, CHAT);
        console.info("redis under load:", JSON.stringify({ ...answers, marked: told.marked, total: told.total }));
        expect(lost(told, acknowledged)).toEqual([]);
        expect(doubled(told)).toEqual([]);
        expect(
          invented(
            told,
            items.map((item) => keyOf(project, item)),
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
        const outside = await startOutside();
        const { plane } = outside;
        const project = outside.project();
        outside.items(project, 3);
        outside.bodies();
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
          startProcess({ env, store: redis.url }),
          startProcess({ env, store: redis.url }),
        ]);
        await new Promise((resolve) => setTimeout(resolve, sized(30_000, 5_500)));
        for (const runtime of runtimes) await runtime.kill();
        expect(seen.length).toBeGreaterThanOrEqual(3);
        expect(Math.max(...seen)).toBe(1);
      }),
    LIMIT_MS,
  );
});
