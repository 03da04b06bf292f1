import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { connectRedisStore } from "../../../../runtime/stores/redis/redis-store.ts";
import { pickSize } from "../../../reliability/random-source.ts";
import { hasRedisServer, startRedis, type TestRedis } from "../../../support/redis-server.ts";
import { startStoreProcess } from "../store-process.ts";

describe.skipIf(!hasRedisServer())("a store in Redis", () => {
  let redis: TestRedis;
  let probe: Redis;
  beforeAll(async () => {
    redis = await startRedis();
    probe = new Redis(redis.port, "127.0.0.1");
  });
  afterAll(() => {
    probe.disconnect();
    return redis.stop();
  });

  let prefixes = 0;
  async function open(options: { prefix?: string; clock?: () => number; remember?: number; url?: string } = {}) {
    prefixes += 1;
    const store = await connectRedisStore({ url: redis.url, prefix: `t${prefixes}`, ...options });
    onTestFinished(() => store.close());
    return store;
  }
  const job = (id: string, lane = id, at?: number) => ({
    ...{ id, queue: "inbox" as const, lane, body: `body of ${id}` },
    ...(at === undefined ? {} : { at }),
  });

  test("REL-9 uses the server's clock: a caller whose clock is hours off gets no second ownership and no job early", async () => {
    const [one, other] = [await open({ prefix: "rel9" }), await open({ prefix: "rel9" })];
    const lease = await one.lease("claim:a", "ann", 60_000);
    if (!("fence" in lease)) throw new Error("not leased");
    const now = await one.now();
    await one.commit({ jobs: [job("taken"), job("later", "later", now + 600_000)] });
    expect(await one.take("inbox", 60_000, 9)).toHaveLength(1);
    onTestFinished(() => void vi.useRealTimers());
    for (const hours of [-1, 1]) {
      vi.useRealTimers();
      vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + hours * 3_600_000 });
      expect(Math.abs((await other.now()) - now)).toBeLessThan(600_000);
      expect(await other.lease("claim:a", "bob", 60_000)).toMatchObject({ heldBy: "ann" });
      expect(await other.commit({ fence: ["claim:a", lease.fence] })).toBe("committed");
      expect(await other.take("inbox", 60_000, 9)).toEqual([]);
      expect(await one.lease("claim:a", "ann", 60_000)).toMatchObject({ fence: lease.fence });
    }
  });

  test("uses only keys with its prefix: two stores on one server do not affect each other", async () => {
    const [one, other] = [await open({ prefix: "one" }), await open({ prefix: "other" })];
    await one.commit({ put: [{ key: "a", value: 1, sets: ["s"], expires: 60_000 }], jobs: [job("1"), job("2")] });
    for (const [i, taken] of (await one.take("inbox", 1000, 9)).entries())
      await one.acknowledge(taken, i === 0 ? { done: true } : { dead: "no" });
    await one.lease("claim:a", "ann", 60_000);
    await one.consume("b", 1, 9, 1000);
    await one.pause("b", 1000);
    expect(await other.read(["a"])).toEqual([undefined]);
    expect(await other.lease("claim:a", "bob", 1000)).toHaveProperty("fence");
    expect((await other.stats()).queues.inbox).toEqual({ pending: 0, dead: 0 });
    const keys = await probe.keys("*");
    expect(keys.filter((key) => key.startsWith("one:")).length).toBeGreaterThan(10);
    expect(keys.filter((key) => !/^(one|other|t\d+|rel9):/.test(key))).toEqual([]);
  });

  test("sends simultaneous commits as one call, in which each sees the state after the previous one, also after SCRIPT FLUSH", async () => {
    const store = await open();
    const lease = await store.lease("claim:a", "ann", 60_000);
    if (!("fence" in lease)) throw new Error("not leased");
    const put = (key: string, value: string | undefined) => ({ put: [{ key, value }] });
    const fresh: [string, number][] = [["a", 0]];
    await probe.config("RESETSTAT");
    const outcomes = await Promise.all([
      store.commit({ expect: fresh, ...put("a", "first"), jobs: [job("1", "l")] }),
      store.commit({ expect: fresh, ...put("a", "stale"), jobs: [job("stale", "l")] }),
      store.commit({ fence: ["claim:a", lease.fence + 1], ...put("b", "fenced"), jobs: [job("fenced", "l")] }),
      store.commit({ ...put("a", undefined), jobs: [job("2", "l"), job("1", "l")] }),
      store.commit({ fence: ["claim:a", lease.fence], expect: fresh, ...put("a", "second") }),
      store.commit({ ...put("b", "other"), jobs: [job("3", "l")] }),
    ]);
    expect(outcomes).toEqual(["committed", "stale", "fenced", "committed", "committed", "committed"]);
    expect(await probe.info("commandstats")).toContain("cmdstat_evalsha:calls=1,");
    const [a, b] = await store.read<string>(["a", "b"]);
    expect([a?.value, b?.value]).toEqual(["second", "other"]);
    expect(b?.rev).toBeGreaterThan(a?.rev ?? Number.POSITIVE_INFINITY);
    const bodies: unknown[] = [];
    for (let jobs = await store.take("inbox", 1000, 1); jobs[0]; jobs = await store.take("inbox", 1000, 1)) {
      bodies.push(jobs[0].body);
      await store.acknowledge(jobs[0], { done: true });
    }
    expect(bodies).toEqual(["body of 1", "body of 2", "body of 3"]);
    await probe.script("FLUSH");
    expect(await store.commit(put("a", "third"))).toBe("committed");
  });

  test("deletes expired values, done jobs, fences and budgets", async () => {
    const time = { now: 1_000_000 };
    const store = await open({ prefix: "flat", clock: () => time.now, remember: 1000 });
    for (let i = 0; i < 30; i++) {
      const put = [{ key: `k${i}`, value: i, sets: [`s${i}`], expires: 500 }];
      await Promise.all([
        ...[store.commit({ put, jobs: [job(`j${i}`)] }), store.lease(`claim:${i}`, "ann", 10)],
        ...[store.consume(`b${i}`, 1, 5, 500), store.pause(`b${i}`, 500)],
      ]);
    }
    for (const taken of await store.take("inbox", 1000, 300)) await store.acknowledge(taken, { done: true });
    time.now += 10_000;
    await store.take("inbox", 1000, 1);
    // The last number, the counts of the queues, and when it was swept.
    expect((await probe.keys("flat:*")).sort()).toEqual(["flat:c", "flat:n", "flat:sw"]);
  });

  const rounds = pickSize(100, 5);
  test(`REL-7 of 1,000 claims on one task from 4 processes one wins, ${rounds} times`, async () => {
    const fences: number[] = [];
    let asked = 0;
    let roundIsOver = () => {};
    const children = Array.from({ length: 4 }, () =>
      startStoreProcess("claim", redis.url, (line) => {
        if (line.startsWith("won ")) fences.push(Number(line.slice(4)));
        if (line === "asked") asked += 1;
        if (asked === 4) roundIsOver();
      }),
    );
    for (let round = 0; round < rounds; round++) {
      fences.length = 0;
      asked = 0;
      const over = new Promise<void>((resolve) => {
        roundIsOver = resolve;
      });
      for (const child of children) child.sendLine(`claim:${round}`);
      await over;
      expect(fences).toHaveLength(1);
    }
    for (const child of children) child.closeInput();
    await Promise.all(children.map((child) => child.ended));
  });
});
