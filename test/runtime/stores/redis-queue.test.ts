import { expect, test } from "vitest";
import { createCallQueue, type RedisCall, type RedisReply } from "../../../runtime/stores/redis/scripts.ts";
import { checkCommit } from "../../../shared/store/engine.ts";

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

test("Calls to Redis of one turn are sent with one write, and successive commits as one call", async () => {
  const { queue, written, answer } = createManualServer();
  const all = [
    queue.commit(createCommit("a")),
    queue.commit(createCommit("b")),
    queue.call("take", "inbox"),
    queue.commit(createCommit("c")),
    queue.call("now"),
  ];
  await nextTurn();
  expect(written()).toEqual([[["a", "b"], "take", ["c"], "now"]]);
  answer(0);
  expect(await Promise.all(all)).toEqual(["a", "b", "take", "c", "now"]);
});

test("Calls to Redis that arrive before the reply are collected and sent together after it", async () => {
  const { queue, written, answer } = createManualServer();
  const first = queue.commit(createCommit("a"));
  await nextTurn();
  void queue.commit(createCommit("b"));
  await passTurns();
  void queue.commit(createCommit("c"));
  await passTurns();
  expect(written()).toEqual([[["a"]]]);
  answer(0);
  expect(await first).toBe("a");
  await passTurns();
  expect(written()).toEqual([[["a"]], [["b", "c"]]]);
  answer(1);
  await passTurns();
  void queue.call("now");
  await nextTurn();
  expect(written().at(-1)).toEqual(["now"]);
});

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

test("Calls to Redis are idle when all calls are answered", async () => {
  const { queue, answer } = createManualServer();
  await queue.idle();
  const values: unknown[] = [];
  const hear = (value: unknown) => values.push(value);
  void queue.call("now").then(hear);
  const idle = queue.idle().then(() => values.push("idle"));
  await nextTurn();
  void queue.commit(createCommit("a")).then(hear);
  answer(0);
  await passTurns();
  expect(values).toEqual(["now"]);
  answer(1);
  await idle;
  expect(values).toEqual(["now", "a", "idle"]);
});

function getKeysOrNone(call: RedisCall): string[] {
  return call.name === "commit" ? getCommitKeys(call) : [];
}
