import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { connectRedisStore } from "../../../../runtime/stores/redis/redis-store.ts";
import type { Store } from "../../../../shared/store/port.ts";
import { hasRedisServer, startRedis, type TestRedis } from "../../../support/redis-server.ts";

describe.skipIf(!hasRedisServer())("a store in Redis", () => {
  let redis: TestRedis;
  const stores: Store[] = [];
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterEach(async () => {
    vi.useRealTimers();
    for (const store of stores.splice(0)) await store.close();
  });
  afterAll(() => redis.stop());

  let prefixes = 0;
  async function open(options: { prefix?: string; clock?: () => number; remember?: number } = {}) {
    prefixes += 1;
    const store = await connectRedisStore({ url: redis.url, prefix: `t${prefixes}`, ...options });
    stores.push(store);
    return store;
  }

  test("uses the server's clock, not the caller's", async () => {
    const store = await open();
    const probe = new Redis(redis.port, "127.0.0.1");
    const readServerTime = async () => {
      const [seconds, microseconds] = await probe.time();
      return Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000);
    };
    vi.useFakeTimers({ toFake: ["Date"], now: 0 });
    const [before, now, after] = [await readServerTime(), await store.now(), await readServerTime()];
    probe.disconnect();
    expect(now).toBeGreaterThanOrEqual(before);
    expect(now).toBeLessThanOrEqual(after);
  });

  test.each([-1, 1])(
    "REL-9 a caller whose clock is %i h off gets no second ownership and no job early",
    async (hours) => {
      const [one, other] = [await open({ prefix: `rel9${hours}` }), await open({ prefix: `rel9${hours}` })];
      const lease = await one.lease("claim:a", "ann", 60_000);
      if (!("fence" in lease)) throw new Error("not leased");
      const job = (id: string, at: number) => ({ id, queue: "inbox" as const, lane: id, at, body: 1 });
      const now = await one.now();
      await one.commit({ jobs: [job("taken", now), job("later", now + 600_000)] });
      expect(await one.take("inbox", 60_000, 9)).toHaveLength(1);

      vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + hours * 3_600_000 });
      expect(await other.lease("claim:a", "bob", 60_000)).toEqual({ heldBy: "ann", until: lease.until });
      expect(await other.commit({ fence: ["claim:a", lease.fence] })).toBe("committed");
      expect(await other.take("inbox", 60_000, 9)).toEqual([]);
      expect(await one.lease("claim:a", "ann", 60_000)).toMatchObject({ fence: lease.fence });
    },
  );

  test("expires leases by the server's clock", async () => {
    const store = await open();
    await store.commit({ jobs: [{ id: "a", queue: "inbox", lane: "l", body: 1 }] });
    const [first] = await store.take("inbox", 20, 1);
    await store.lease("claim:a", "ann", 20);
    await vi.waitFor(async () => expect(await store.take("inbox", 1000, 1)).toMatchObject([{ tries: 2 }]), {
      timeout: 30_000,
      interval: 5,
    });
    expect(await store.now()).toBeGreaterThanOrEqual(first?.until ?? Number.POSITIVE_INFINITY);
    // The claim began a moment after the job's lease.
    await expect.poll(() => store.lease("claim:a", "bob", 1000)).toHaveProperty("fence");
  });

  test("uses only keys with its prefix: two stores on one server do not affect each other", async () => {
    const [one, other] = [await open({ prefix: "one" }), await open({ prefix: "other" })];
    const everything = async (store: Store) => {
      await store.commit({
        put: [{ key: "a", value: 1, sets: ["s"], expires: 60_000 }],
        jobs: ["1", "2"].map((id) => ({ id, queue: "inbox", lane: id, body: 1 })),
      });
      const jobs = await store.take("inbox", 1000, 9);
      for (const [i, job] of jobs.entries()) await store.acknowledge(job, i === 0 ? { done: true } : { dead: "no" });
      await store.lease("claim:a", "ann", 60_000);
      await store.consume("b", 1, 9, 1000);
      await store.pause("b", 1000);
    };
    await everything(one);
    expect(await other.read(["a"])).toEqual([undefined]);
    expect(await other.lease("claim:a", "bob", 1000)).toHaveProperty("fence");
    expect((await other.stats()).queues.inbox).toEqual({ pending: 0, dead: 0 });
    const probe = new Redis(redis.port, "127.0.0.1");
    const keys = await probe.keys("*");
    probe.disconnect();
    expect(keys.filter((key) => key.startsWith("one:")).length).toBeGreaterThan(10);
    expect(keys.filter((key) => !/^(one|other|t\d+|rel9-?\d):/.test(key))).toEqual([]);
  });

  test("works after SCRIPT FLUSH", async () => {
    const store = await open();
    await store.commit({ put: [{ key: "a", value: 1 }] });
    const probe = new Redis(redis.port, "127.0.0.1");
    await probe.script("FLUSH");
    probe.disconnect();
    const outcomes = await Promise.all(
      Array.from({ length: 5 }, () => store.commit({ put: [{ key: "a", value: 2 }] })),
    );
    expect(new Set(outcomes)).toEqual(new Set(["committed"]));
    expect((await store.read(["a"]))[0]?.value).toBe(2);
  });

  test("sends simultaneous commits as one call, in which each sees the state after the previous one", async () => {
    const store = await open();
    const lease = await store.lease("claim:a", "ann", 60_000);
    if (!("fence" in lease)) throw new Error("not leased");
    const probe = new Redis(redis.port, "127.0.0.1");
    await probe.config("RESETSTAT");
    const job = (id: string) => ({ id, queue: "inbox" as const, lane: "l", body: `body of ${id}` });
    const outcomes = await Promise.all([
      store.commit({ expect: [["a", 0]], put: [{ key: "a", value: "first" }], jobs: [job("1")] }),
      store.commit({ expect: [["a", 0]], put: [{ key: "a", value: "stale" }], jobs: [job("stale")] }),
      store.commit({
        fence: ["claim:a", lease.fence + 1],
        put: [{ key: "b", value: "fenced" }],
        jobs: [job("fenced")],
      }),
      store.commit({ put: [{ key: "a", value: undefined }], jobs: [job("2"), job("1")] }),
      store.commit({ fence: ["claim:a", lease.fence], expect: [["a", 0]], put: [{ key: "a", value: "second" }] }),
      store.commit({ put: [{ key: "b", value: "other" }], jobs: [job("3")] }),
    ]);
    expect(outcomes).toEqual(["committed", "stale", "fenced", "committed", "committed", "committed"]);
    expect(await probe.info("commandstats")).toContain("cmdstat_evalsha:calls=1,");
    probe.disconnect();
    const [a, b] = await store.read<string>(["a", "b"]);
    expect([a?.value, b?.value]).toEqual(["second", "other"]);
    expect(b?.rev).toBeGreaterThan(a?.rev ?? Number.POSITIVE_INFINITY);
    const bodies: unknown[] = [];
    for (let jobs = await store.take("inbox", 1000, 1); jobs[0]; jobs = await store.take("inbox", 1000, 1)) {
      bodies.push(jobs[0].body);
      await store.acknowledge(jobs[0], { done: true });
    }
    expect(bodies).toEqual(["body of 1", "body of 2", "body of 3"]);
  });

  test("waits for its commits when it is closed", async () => {
    const store = await open({ prefix: "closing" });
    const stored = Array.from({ length: 250 }, (_, i) =>
      store.commit({ put: [{ key: `k${i}`, value: i, sets: ["s"] }] }),
    );
    await store.close();
    expect(new Set(await Promise.all(stored))).toEqual(new Set(["committed"]));
    expect(await (await open({ prefix: "closing" })).count("s")).toBe(250);
    await expect(store.commit({})).rejects.toThrow("The store is closed.");
  });

  test("deletes expired values, done jobs, fences and budgets", async () => {
    const time = { now: 1_000_000 };
    const store = await open({ prefix: "flat", clock: () => time.now, remember: 1000 });
    for (let i = 0; i < 300; i++) {
      await Promise.all([
        store.commit({
          put: [{ key: `k${i}`, value: i, sets: [`s${i}`], expires: 500 }],
          jobs: [{ id: `j${i}`, queue: "inbox", lane: `l${i}`, body: i }],
        }),
        store.lease(`claim:${i}`, "ann", 10),
        store.consume(`b${i}`, 1, 5, 500),
        store.pause(`b${i}`, 500),
      ]);
    }
    for (const job of await store.take("inbox", 1000, 300)) await store.acknowledge(job, { done: true });
    time.now += 10_000;
    await store.take("inbox", 1000, 1);
    const probe = new Redis(redis.port, "127.0.0.1");
    const keys = await probe.keys("flat:*");
    probe.disconnect();
    // The last number, the counts of the queues, and when it was swept.
    expect(keys.sort()).toEqual(["flat:c", "flat:n", "flat:sw"]);
  });

  test("without free memory rejects writes and keeps its data", async () => {
    const small = await startRedis({ maxmemory: "3mb", "maxmemory-policy": "noeviction" });
    try {
      const store = await connectRedisStore({ url: small.url, prefix: "t" });
      stores.push(store);
      const stored: string[] = [];
      let refusal: unknown;
      for (let i = 0; i < 2000 && !refusal; i++) {
        const put = [{ key: `k${i}`, value: "x".repeat(3000), sets: ["s"] }];
        await store.commit({ put, jobs: [{ id: `j${i}`, queue: "inbox", lane: "l", body: i }] }).then(
          () => stored.push(`k${i}`),
          (error: unknown) => {
            refusal = error;
          },
        );
      }
      expect(String(refusal)).toContain("OOM");
      expect((await store.read(stored)).filter((one) => one === undefined)).toEqual([]);
      expect([await store.count("s"), (await store.stats()).queues.inbox.pending]).toEqual([
        stored.length,
        stored.length,
      ]);
    } finally {
      await small.stop();
    }
  });
});
