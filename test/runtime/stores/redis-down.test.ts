import { join } from "node:path";
import { inspect } from "node:util";
import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { connectRedisStore } from "../../../runtime/stores/redis/redis-store.ts";
import type { Store } from "../../../shared/store/port.ts";
import { pickSize } from "../../reliability/random-source.ts";
import { createCertificate } from "../../support/certificate.ts";
import { findFreePort, hasRedisServer, startRedis, type TestRedis } from "../../support/redis-server.ts";
import { createTestFolder } from "../../support/test-folder.ts";
import { runStoreProcess } from "./store-process.ts";

/** Limit for what happens within a second or two on a machine that is not busy. */
const LIMIT = { timeout: 30_000 };

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

describe.skipIf(!hasRedisServer())("a store in Redis that goes down", () => {
  let redis: TestRedis;
  let store: Store;
  const connectionChanges: (string | undefined)[] = [];
  beforeEach(async () => {
    connectionChanges.length = 0;
    redis = await startRedis({ appendonly: "yes", appendfsync: "always" });
    onTestFinished(() => redis.stop());
    const onConnection = (lost: string | undefined) => connectionChanges.push(lost);
    store = await connectRedisStore({ url: redis.url, prefix: "t", onConnection });
    onTestFinished(() => store.close());
  });

  const put = (key: string) => store.commit({ put: [{ key, value: "x".repeat(3000), sets: ["s"] }] });
  const works = () => vi.waitFor(async () => expect(await put("again")).toBe("committed"), { ...LIMIT, interval: 20 });

  const refused = (call: () => Promise<unknown>) => expect(call()).rejects.toMatchObject({ code: "unavailable" });
  /** The call is refused without being sent, and so without waiting for an answer or a connection. */
  const refusedAtOnce = (call: () => Promise<unknown>) =>
    expect(call()).rejects.toMatchObject({ code: "unavailable", message: expect.stringContaining("is not connected") });

  const rounds = pickSize(10, 1);
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
    pickSize(200_000, 40_000),
  );

  test("rejects running and new calls at once while it is down, works again when it is back, and can be closed meanwhile", async () => {
    await put("before");
    const underWay = Promise.allSettled(Array.from({ length: 50 }, (_, i) => put(`k${i}`)));
    await redis.kill();
    // Neither the error nor its properties contain the text of the value.
    for (const outcome of await underWay)
      if (outcome.status === "rejected") expect(inspect(outcome.reason, { depth: 9 })).not.toContain("xxxx");
    await vi.waitFor(() => expect(connectionChanges).toHaveLength(2), LIMIT);
    const calls = [() => put("a"), () => store.read(["a"]), () => store.take("inbox", 1000, 1), () => store.now()];
    for (const call of calls) await refusedAtOnce(call);
    await redis.start();
    await works();
    expect((await store.read(["before", "a"])).map((one) => one !== undefined)).toEqual([true, false]);
    expect(connectionChanges).toEqual([undefined, expect.any(String), undefined]);
    await redis.kill();
    await store.close();
    await expect(store.now()).rejects.toThrow("The store is closed.");
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
    const changes = [undefined, expect.stringContaining("Socket timeout")];
    await vi.waitFor(() => expect(connectionChanges).toEqual(changes), LIMIT);
    await refusedAtOnce(() => put("later"));
    redis.thaw();
    await works();
    expect((await store.read(["before"]))[0]).toBeDefined();
  });
});

describe.skipIf(!hasRedisServer())("opening a store in Redis", () => {
  const readRefusal = (url: string) =>
    connectRedisStore({ url, prefix: "t", patience: 300 }).then(
      () => "opened",
      (error: Error) => error.message,
    );

  test("that cannot be reached or refuses the password fails with the reason, without the password", async () => {
    const port = await findFreePort();
    const message = await readRefusal(`redis://u:hunter2@127.0.0.1:${port}`);
    expect(message).toContain(`Redis at 127.0.0.1:${port} cannot be reached: connect ECONNREFUSED`);
    expect(message).not.toContain("hunter2");
    const redis = await startRedis({ requirepass: "hunter2" }, "hunter2");
    onTestFinished(() => redis.stop());
    const wrong = await readRefusal(`redis://:hunter3@127.0.0.1:${redis.port}`);
    expect(wrong).toMatch(/WRONGPASS/);
    expect(wrong).not.toContain("hunter");
    expect(await readRefusal(`redis://127.0.0.1:${redis.port}`)).toMatch(/NOAUTH/);
    const store = await connectRedisStore({ url: `redis://:hunter2@127.0.0.1:${redis.port}/3`, prefix: "t" });
    expect(await store.commit({ put: [{ key: "a", value: 1 }] })).toBe("committed");
    await store.close();
  });

  test("over TLS works with a trusted certificate only", async () => {
    const folder = createTestFolder("tls");
    const [cert, key, port] = [join(folder, "cert.pem"), join(folder, "key.pem"), String(await findFreePort())];
    createCertificate("IP:127.0.0.1", { key, cert });
    const files = { "tls-cert-file": cert, "tls-key-file": key, "tls-ca-cert-file": cert };
    const redis = await startRedis({ "tls-port": port, "tls-auth-clients": "no", ...files });
    onTestFinished(() => redis.stop());
    const url = `rediss://127.0.0.1:${port}`;
    expect(await runStoreProcess("open", url, { env: { NODE_EXTRA_CA_CERTS: cert } })).toEqual(["open"]);
    expect(await readRefusal(url)).toMatch(/^Redis at 127\.0\.0\.1:\d+ cannot be reached: .*self-signed/);
  });
});
