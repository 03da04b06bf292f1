import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { openStore } from "../../../runtime/stores/open-store.ts";
import { connectRedisStore } from "../../../runtime/stores/redis/redis-store.ts";
import { createLog } from "../../../shared/log.ts";
import type { Store } from "../../../shared/store/port.ts";
import { findFreePort, hasRedisServer, startRedis, type TestRedis } from "../../support/redis-server.ts";

/** Limit for what happens within a second or two on a machine that is not busy. */
const LIMIT = { timeout: 30_000 };

const FULL = process.env["FULL"] !== undefined;
const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

describe.skipIf(!hasRedisServer())("a store in Redis that goes down", () => {
  let redis: TestRedis;
  let store: Store;
  const connectionChanges: (string | undefined)[] = [];
  beforeEach(async () => {
    connectionChanges.length = 0;
    redis = await startRedis({ appendonly: "yes", appendfsync: "always" });
    store = await connectRedisStore({
      url: redis.url,
      prefix: "t",
      onConnection: (lost) => connectionChanges.push(lost),
    });
  });
  afterEach(async () => {
    await store.close();
    await redis.stop();
  });

  const put = (key: string) => store.commit({ put: [{ key, value: "x".repeat(3000), sets: ["s"] }] });
  const works = () => vi.waitFor(async () => expect(await put("again")).toBe("committed"), { ...LIMIT, interval: 20 });

  const refused = (call: () => Promise<unknown>) => expect(call()).rejects.toMatchObject({ code: "unavailable" });
  /** The call is refused without being sent, and so without waiting for an answer or a connection. */
  const refusedAtOnce = (call: () => Promise<unknown>) =>
    expect(call()).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("is not connected"),
    });

  const rounds = FULL ? 10 : 1;
  test(
    `REL-10 kill -9 and restart under load, ${rounds} times: nothing acknowledged is lost and the store reconnects`,
    async () => {
      const acknowledged: string[] = [];
      const refusals: unknown[] = [];
      let going = true;
      let next = 0;
      const writers = Array.from({ length: 10 }, async () => {
        while (going) {
          const key = `k${next++}`;
          await put(key).then(
            () => acknowledged.push(key),
            (error: unknown) => {
              refusals.push(error);
              // While it is down the refusals come at once; let the rest of the process have its turn.
              return nextTurn();
            },
          );
        }
      });
      for (let round = 0; round < rounds; round++) {
        const sofar = acknowledged.length;
        await vi.waitFor(() => expect(acknowledged.length).toBeGreaterThan(sofar + 200), LIMIT);
        await redis.kill();
        await redis.start();
      }
      await works();
      going = false;
      await Promise.all(writers);
      expect(refusals.length).toBeGreaterThan(0);
      const found = await store.read(acknowledged);
      expect(acknowledged.filter((_, i) => found[i] === undefined)).toEqual([]);
    },
    FULL ? 200_000 : 40_000,
  );

  test("rejects running and new calls at once while it is down, and works again when it is back", async () => {
    await put("before");
    const underWay = Promise.allSettled(Array.from({ length: 50 }, (_, i) => put(`k${i}`)));
    await redis.kill();
    for (const outcome of await underWay) {
      // Neither the error nor its properties contain the text of the value.
      if (outcome.status === "rejected") expect(inspect(outcome.reason, { depth: 9 })).not.toContain("xxxx");
    }
    await vi.waitFor(() => expect(connectionChanges).toHaveLength(2), LIMIT);
    for (const call of [
      () => put("a"),
      () => store.read(["a"]),
      () => store.take("inbox", 1000, 1),
      () => store.now(),
    ]) {
      await refusedAtOnce(call);
    }
    await redis.start();
    await works();
    expect((await store.read(["before", "a"])).map((one) => one !== undefined)).toEqual([true, false]);
    expect(connectionChanges).toEqual([undefined, expect.any(String), undefined]);
  });

  test("that stops responding rejects all calls after one timeout, later ones at once, and works again when it responds", async () => {
    await put("before");
    redis.freeze();
    const first = refused(() => put("frozen"));
    await nextTurn();
    let isBehindRefused = false;
    const behind = refused(() => put("behind")).then(() => {
      isBehindRefused = true;
    });
    await first;
    // The connection is closed with the first command, so later commands do not wait for their own timeout.
    await nextTurn();
    expect(isBehindRefused).toBe(true);
    await behind;
    await vi.waitFor(
      () => expect(connectionChanges).toEqual([undefined, expect.stringContaining("Socket timeout")]),
      LIMIT,
    );
    await refusedAtOnce(() => put("later"));
    redis.thaw();
    await works();
    expect((await store.read(["before"]))[0]).toBeDefined();
  });

  test("that breaks the connection during a call reports one loss", async () => {
    redis.freeze();
    const underWay = refused(() => put("under-way"));
    await nextTurn();
    await redis.kill();
    await underWay;
    await redis.start();
    await works();
    for (let i = 0; i < 200; i += 1) expect(await put("later")).toBe("committed");
    expect(connectionChanges).toEqual([undefined, expect.any(String), undefined]);
  });

  test("can be closed while it is down", async () => {
    await redis.kill();
    await store.close();
    await expect(store.now()).rejects.toThrow("The store is closed.");
  });
});

describe.skipIf(!hasRedisServer())("opening a store in Redis", () => {
  test("that cannot be reached fails with its address and the reason, without its password", async () => {
    const port = await findFreePort();
    const message = await connectRedisStore({
      url: `redis://u:hunter2@127.0.0.1:${port}`,
      prefix: "t",
      patience: 200,
    }).then(
      () => "opened",
      (error: Error) => error.message,
    );
    expect(message).toContain(`Redis at 127.0.0.1:${port} cannot be reached: connect ECONNREFUSED`);
    expect(message).not.toContain("hunter2");
  });

  test("with a wrong password fails; with the right one and a database number it works", async () => {
    const redis = await startRedis({ requirepass: "hunter2" }, "hunter2");
    try {
      for (const wrong of ["redis://:hunter3@127.0.0.1", "redis://127.0.0.1"]) {
        const message = await connectRedisStore({ url: `${wrong}:${redis.port}`, prefix: "t", patience: 500 }).then(
          () => "opened",
          (error: Error) => error.message,
        );
        expect(message).toMatch(/WRONGPASS|NOAUTH/);
        expect(message).not.toContain("hunter");
      }
      const store = await connectRedisStore({ url: `redis://:hunter2@127.0.0.1:${redis.port}/3`, prefix: "t" });
      expect(await store.commit({ put: [{ key: "a", value: 1 }] })).toBe("committed");
      await store.close();
    } finally {
      await redis.stop();
    }
  });

  test("by its URL logs once when the connection is lost and once when it is restored", async () => {
    const redis = await startRedis();
    const lines: string[] = [];
    const log = createLog({ level: "debug", clock: Date.now, write: (line) => lines.push(line) });
    const store = await openStore(redis.url, { prefix: "t", log });
    try {
      await redis.kill();
      await vi.waitFor(() => expect(lines).toHaveLength(2), LIMIT);
      await redis.start();
      await vi.waitFor(() => expect(lines).toHaveLength(3), LIMIT);
      await store.close();
      // Closing the store logs no lost connection.
      expect(lines.map((line) => JSON.parse(line).level)).toEqual(["info", "warn", "info"]);
    } finally {
      await store.close();
      await redis.stop();
    }
  });
});
