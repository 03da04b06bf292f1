import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  connectRedisStore,
  createCallQueue,
  type RedisCall,
  type RedisReply,
} from "../../../runtime/stores/redis/redis-store.ts";
import { checkCommit } from "../../../shared/store/engine.ts";
import { findFreePort, hasRedisServer, startRedis, type TestRedis } from "../../support/redis-server.ts";
import { runStoreProcess, startStoreProcess } from "./store-process.ts";

const createCommit = (name: string, length = 1) => checkCommit({ put: [{ key: name, value: "x".repeat(length) }] });

/** A server that answers when the test allows it: a commit with its own key, anything else with its name. */
function createManualServer() {
  const calls: RedisCall[][] = [];
  const answers: PromiseWithResolvers<RedisReply[]>[] = [];
  const queue = createCallQueue((sent) => {
    calls.push([...sent]);
    const answer = Promise.withResolvers<RedisReply[]>();
    answers.push(answer);
    return answer.promise;
  });
  return {
    queue,
    /** What was written at once: names of calls, and the keys of each group of commits. */
    written: () => calls.map((sent) => sent.map((call) => (call.name === "commit" ? getCommitKeys(call) : call.name))),
    answer: (index: number, of: (call: RedisCall) => RedisReply = toAnswer) =>
      answers[index]?.resolve(calls[index]?.map(of) ?? []),
    breakOff: (index: number) => answers[index]?.reject(new Error("gone")),
  };
}

function getCommitKeys({ args }: RedisCall): string[] {
  const heads: { p: { k: string }[] }[] = JSON.parse(String(args[0]));
  return heads.map(({ p }) => p[0]?.k ?? "");
}

function toAnswer(call: RedisCall): RedisReply {
  return { value: call.name === "commit" ? getCommitKeys(call) : call.name };
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));
const passTurns = async () => {
  for (let i = 0; i < 3; i++) await nextTurn();
};

test("Calls to Redis: contain at most 100 commits and a million characters each, or one commit of any size", async () => {
  const many = createManualServer();
  for (let i = 0; i < 205; i++) void many.queue.commit(createCommit(`k${i}`));
  await nextTurn();
  expect(many.written()[0]?.map((keys) => keys.length)).toEqual([100, 100, 5]);
  const large = createManualServer();
  for (const [name, length] of Object.entries({ a: 2_000_000, b: 600_000, c: 400_000, d: 300_000 }))
    void large.queue.commit(createCommit(name, length));
  await nextTurn();
  expect(large.written()).toEqual([[["a"], ["b", "c"], ["d"]]]);
});

test("Calls to Redis that fail reject all their commits and none of another call", async () => {
  const { queue, answer } = createManualServer();
  const all = Promise.allSettled([
    queue.commit(createCommit("a")),
    queue.commit(createCommit("b")),
    queue.call("now"),
    queue.commit(createCommit("c")),
  ]);
  await nextTurn();
  answer(0, (call) => (getKeysOrNone(call).includes("a") ? { error: new Error("OOM") } : toAnswer(call)));
  expect((await all).map(({ status }) => status)).toEqual(["rejected", "rejected", "fulfilled", "fulfilled"]);
});

test("Calls to Redis all fail when the connection breaks, and later ones are sent", async () => {
  const { queue, written, answer, breakOff } = createManualServer();
  const lost = Promise.allSettled([queue.commit(createCommit("a")), queue.call("now")]);
  await nextTurn();
  const next = queue.commit(createCommit("b"));
  breakOff(0);
  expect((await lost).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  await passTurns();
  expect(written().at(-1)).toEqual([["b"]]);
  answer(1);
  expect(await next).toBe("b");
});

function getKeysOrNone(call: RedisCall): string[] {
  return call.name === "commit" ? getCommitKeys(call) : [];
}

const rounds = process.env["FULL"] === undefined ? 10 : 100;
let redis: TestRedis;
beforeAll(async () => {
  if (hasRedisServer()) redis = await startRedis();
});
afterAll(() => redis?.stop());

test.skipIf(!hasRedisServer())(
  `REL-7 of 1,000 claims on one task from 4 processes one wins, ${rounds} times`,
  async () => {
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
  },
  60_000,
);

const OPENSSL = "openssl";

test.skipIf(!hasRedisServer())("rediss:// connects over TLS, and only when the certificate is trusted", async () => {
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-tls-"));
  const [cert, key, port] = [join(folder, "cert.pem"), join(folder, "key.pem"), String(await findFreePort())];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"];
  const names = ["-subj", "/CN=groundcrew", "-addext", "subjectAltName=IP:127.0.0.1"];
  execFileSync(OPENSSL, ["req", "-x509", ...curve, ...names, "-keyout", key, "-out", cert], { stdio: "ignore" });
  const redis = await startRedis({
    "tls-port": port,
    "tls-cert-file": cert,
    "tls-key-file": key,
    "tls-ca-cert-file": cert,
    "tls-auth-clients": "no",
  });
  try {
    const url = `rediss://127.0.0.1:${port}`;
    expect(await runStoreProcess("open", url, { env: { NODE_EXTRA_CA_CERTS: cert } })).toEqual(["open"]);
    await expect(connectRedisStore({ url, prefix: "t", patience: 300 })).rejects.toThrow(
      /^Redis at 127\.0\.0\.1:\d+ cannot be reached: .*self-signed/,
    );
  } finally {
    await redis.stop();
    rmSync(folder, { recursive: true });
  }
});
