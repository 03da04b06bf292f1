import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { openNameStore, openStore } from "../../../runtime/stores/open-store.ts";
import { parseRedisAddress } from "../../../runtime/stores/redis/connection.ts";
import { IS_FULL_RUN, pickSize } from "../../reliability/random-source.ts";
import { hasSentinel, startSentinels } from "../../support/sentinel-server.ts";

/** Limit for what happens within a few seconds on a machine that is not busy. */
const LIMIT = { timeout: 60_000, interval: 20 };

describe("REL-10 The address of a Redis behind Sentinel", () => {
  test("names the sentinels, the primary, the database, the account and TLS", () => {
    const url = "rediss+sentinel://crew:p%40ss@a.test:26379,b.test,[::1]:1/main/2?sentinel_password=other&wait=2";
    expect(parseRedisAddress(url)).toMatchObject({
      replicas: 2,
      target: {
        options: {
          sentinels: [
            { host: "a.test", port: 26379 },
            { host: "b.test", port: 26379 },
            { host: "::1", port: 1 },
          ],
          ...{ name: "main", db: 2, username: "crew", password: "p@ss", sentinelPassword: "other" },
          ...{ tls: {}, enableTLSForSentinelMode: true },
        },
      },
    });
    expect(parseRedisAddress("redis+sentinel://a/main")).toMatchObject({ replicas: 1, target: { options: { db: 0 } } });
    expect(parseRedisAddress("redis://a:6379/1?wait=1").replicas).toBe(1);
    expect(parseRedisAddress("redis://a:6379/1").replicas).toBe(0);
  });

  test("is refused without the name of a primary, and without repeating the password", async () => {
    for (const url of ["redis+sentinel://:marked-secret@a:1,b:2", "redis+sentinel://:marked-secret@a/main?wait=x"])
      await expect(openStore(url, { prefix: "t" })).rejects.toThrow(/^(?!.*marked-secret)STORE_URL/);
  });
});

describe.skipIf(!hasSentinel())("REL-10 A store behind Redis Sentinel", { timeout: pickSize(400_000, 120_000) }, () => {
  let sentinels: Awaited<ReturnType<typeof startSentinels>>;
  beforeAll(async () => {
    sentinels = await startSentinels();
  }, LIMIT.timeout);
  afterAll(() => sentinels.stop());

  async function open() {
    const store = await openStore(sentinels.url, { prefix: randomUUID() });
    onTestFinished(() => store.close());
    return store;
  }

  test("a write that no replica has is not acknowledged; the cache of names is kept there as well", async () => {
    const store = await open();
    const names = await openNameStore(sentinels.url, "t");
    await names?.setItem?.("a", "Ada", {});
    expect(await names?.getItem("a", {})).toBe("Ada");
    await names?.dispose?.();
    expect(await store.commit({ put: [{ key: "a", value: 1 }] })).toBe("committed");
    const primary = await sentinels.findPrimary();
    const replicas = sentinels.servers.filter((server) => server !== primary);
    for (const server of replicas) server.freeze();
    onTestFinished(() => {
      for (const server of replicas) server.thaw();
    });
    await expect(store.commit({ put: [{ key: "b", value: 1 }] })).rejects.toThrow(
      /only 0 of 1 replicas have the write/,
    );
    // Reads need none.
    expect((await store.read(["a"]))[0]?.value).toBe(1);
  });

  const rounds = pickSize(5, 1);
  test(`a primary that is killed, or freezes, under load (rounds: ${rounds}): another takes over and nothing acknowledged is lost`, async () => {
    const store = await open();
    const acknowledged: string[] = [];
    let [isGoing, next, refused, refusal] = [true, 0, 0, ""];
    const refuse = (thrown: unknown) => {
      refusal = String(thrown);
      refused += 1;
    };
    const write = async () => {
      while (isGoing) {
        const key = `k${next++}`;
        const put = [{ key, value: "x".repeat(50), sets: ["s"] }];
        await store.commit({ put }).then(() => acknowledged.push(key), refuse);
        // A pace that replicas keep while three servers, three sentinels and this process share two cores.
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    };
    const writers = Promise.all(Array.from({ length: 10 }, write));
    const waitForMore = async (count: number) => {
      const before = acknowledged.length;
      await vi.waitFor(() => expect(acknowledged.length, refusal).toBeGreaterThan(before + count), LIMIT);
    };
    for (let round = 0; round < rounds; round += 1) {
      await waitForMore(300);
      const killed = await sentinels.findPrimary();
      await killed.kill();
      await sentinels.waitForFailover(killed);
      // It returns as a replica, so that the next round begins with two again: one server fails at a time.
      await killed.start();
      await sentinels.waitForReplicas();
    }
    if (IS_FULL_RUN) {
      // One that freezes and wakes up after the failover: what it then takes counts nowhere.
      const frozen = await sentinels.findPrimary();
      frozen.freeze();
      onTestFinished(() => frozen.thaw());
      await sentinels.waitForFailover(frozen);
      frozen.thaw();
      await sentinels.waitForReplicas();
    }
    await waitForMore(300);
    isGoing = false;
    await writers;
    expect(refused).toBeGreaterThan(0);
    for (let i = 0; i < acknowledged.length; i += 500) {
      const part = acknowledged.slice(i, i + 500);
      const rows = await vi.waitFor(() => store.read(part), LIMIT);
      expect(part.filter((_, j) => rows[j] === undefined)).toEqual([]);
    }
  });
});
