import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { openNameStore, openStore } from "../../../runtime/stores/open-store.ts";
import { parseRedisAddress } from "../../../runtime/stores/redis/connection.ts";
import { hasRedisServer, startRedis } from "../../support/redis-server.ts";
import { hasSentinel, startSentinels } from "../../support/sentinel-server.ts";

/** Limit for what happens within a few seconds on a machine that is not busy. */
const LIMIT = { timeout: 60_000, interval: 20 };
const FULL = process.env["FULL"] !== undefined;

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

/** A sentinel that answers with this server as the primary, when the test lets it. */
async function startScriptedSentinel(port: number) {
  const sockets = new Set<Socket>();
  const [subscribers, asked] = [new Set<Socket>(), [] as (() => void)[]];
  const hold = { isHeld: false };
  const toBulk = (...parts: (string | number)[]) =>
    `*${parts.length}\r\n${parts.map((part) => `$${String(part).length}\r\n${part}\r\n`).join("")}`;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => subscribers.delete(socket));
    socket.on("data", (data) => {
      const answer = () => void socket.write(toBulk("127.0.0.1", port));
      for (const [, name] of String(data).matchAll(/(get-master-addr-by-name|sentinels|subscribe|client)\r\n/gi))
        if (name === "get-master-addr-by-name") hold.isHeld ? asked.push(answer) : answer();
        else if (name === "sentinels") socket.write("*0\r\n");
        else if (name === "subscribe") socket.write("*3\r\n$9\r\nsubscribe\r\n$14\r\n+switch-master\r\n:1\r\n");
        else socket.write("+OK\r\n");
      if (String(data).includes("+switch-master")) subscribers.add(socket);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  const host = typeof address === "object" ? `127.0.0.1:${address?.port}` : "";
  return { host, asked, subscribers, hold, failover: toBulk("message", "+switch-master", "main") };
}

test.skipIf(!hasRedisServer())(
  "REL-10 A store asks the next sentinel when one is silent, and connects again when a failover is reported while a sentinel is asked for the primary",
  async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.stop());
    const [silent, sentinel] = [await startScriptedSentinel(redis.port), await startScriptedSentinel(redis.port)];
    silent.hold.isHeld = true;
    const store = await openStore(`redis+sentinel://${silent.host},${sentinel.host}/main?wait=0`, { prefix: "t" });
    onTestFinished(() => store.close());
    const commitSoon = () =>
      expect.poll(() => store.commit({ put: [{ key: "a", value: 1 }] }).catch(String), LIMIT).toBe("committed");
    await commitSoon();
    expect(silent.asked.length).toBeGreaterThan(0);
    await expect.poll(() => sentinel.subscribers.size, LIMIT).toBe(1);
    sentinel.hold.isHeld = true;
    await redis.kill();
    await expect.poll(() => sentinel.asked.length, LIMIT).toBe(1);
    for (const socket of sentinel.subscribers) socket.write(sentinel.failover);
    // The store has read the report when it ends its subscription.
    await expect.poll(() => sentinel.subscribers.size, LIMIT).toBe(0);
    await redis.start();
    sentinel.hold.isHeld = false;
    for (const answer of sentinel.asked.splice(0)) answer();
    await commitSoon();
  },
);

describe.skipIf(!hasSentinel())("REL-10 A store behind Redis Sentinel", { timeout: FULL ? 400_000 : 120_000 }, () => {
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

  /** Writes with ten callers until `stop`; the keys whose writes were acknowledged. */
  function startWriters(store: Awaited<ReturnType<typeof openStore>>) {
    const acknowledged: string[] = [];
    let [isGoing, next, refused, refusal] = [true, 0, 0, ""];
    const running = Promise.all(
      Array.from({ length: 10 }, async () => {
        while (isGoing) {
          const key = `k${next++}`;
          await store.commit({ put: [{ key, value: "x".repeat(50), sets: ["s"] }] }).then(
            () => acknowledged.push(key),
            (thrown: unknown) => {
              refusal = String(thrown);
              refused += 1;
            },
          );
          // A pace that replicas keep while three servers, three sentinels and this process share two cores.
          await new Promise((resolve) => setTimeout(resolve, 2));
        }
      }),
    );
    return {
      acknowledged,
      /** Says why writes are refused, for a test that waits in vain for the next one. */
      describeRefusals: () => `${refused} refused, the last: ${refusal}`,
      async stop() {
        isGoing = false;
        await running;
        return refused;
      },
    };
  }

  const findLost = async (store: Awaited<ReturnType<typeof openStore>>, keys: readonly string[]) => {
    const rows = await store.read([...keys]);
    return keys.filter((_, i) => rows[i] === undefined);
  };

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

  const rounds = FULL ? 5 : 1;
  test(`a primary that is killed under load (rounds: ${rounds}): another takes over and nothing acknowledged is lost`, async () => {
    const store = await open();
    const writers = startWriters(store);
    for (let round = 0; round < rounds; round += 1) {
      const before = writers.acknowledged.length;
      await vi.waitFor(() => expect(writers.acknowledged.length).toBeGreaterThan(before + 300), LIMIT);
      const killed = await sentinels.findPrimary();
      await killed.kill();
      await sentinels.waitForFailover(killed);
      // It returns as a replica, so that the next round begins with two again: one server fails at a time.
      await killed.start();
      await sentinels.waitForReplicas();
    }
    const after = writers.acknowledged.length;
    await vi.waitFor(
      () => expect(writers.acknowledged.length, writers.describeRefusals()).toBeGreaterThan(after + 100),
      LIMIT,
    );
    expect(await writers.stop()).toBeGreaterThan(0);
    expect(await findLost(store, writers.acknowledged)).toEqual([]);
  });
});
