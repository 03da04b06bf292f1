import { describe, expect, test } from "vitest";
import { type Answer, type Call, callQueue } from "../../../runtime/stores/redis/queue.ts";
import { checkCommit } from "../../../shared/store/checked.ts";

const commitOf = (name: string, length = 1) => checkCommit({ put: [{ key: name, value: "x".repeat(length) }] });

/** A server that answers when the test says so: a commit with its own key, anything else with its name. */
function server() {
  const calls: Call[][] = [];
  const answers: PromiseWithResolvers<Answer[]>[] = [];
  const queue = callQueue((sent) => {
    calls.push([...sent]);
    const answer = Promise.withResolvers<Answer[]>();
    answers.push(answer);
    return answer.promise;
  });
  return {
    queue,
    /** What was written at once: names of calls, and the keys of each group of commits. */
    written: () => calls.map((sent) => sent.map((call) => (call.name === "commit" ? keysOf(call) : call.name))),
    answer: (index: number, of: (call: Call) => Answer = answered) =>
      answers[index]?.resolve(calls[index]?.map(of) ?? []),
    breakOff: (index: number) => answers[index]?.reject(new Error("gone")),
  };
}

function keysOf({ args }: Call): string[] {
  const heads: { p: { k: string }[] }[] = JSON.parse(String(args[0]));
  return heads.map(({ p }) => p[0]?.k ?? "");
}

function answered(call: Call): Answer {
  return { value: call.name === "commit" ? keysOf(call) : call.name };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const turns = async () => {
  for (let i = 0; i < 3; i++) await turn();
};

describe("Calls to Redis", () => {
  test("of one turn go with one write, and commits that follow one another as one call", async () => {
    const { queue, written, answer } = server();
    const all = [
      queue.commit(commitOf("a")),
      queue.commit(commitOf("b")),
      queue.call("take", "inbox"),
      queue.commit(commitOf("c")),
      queue.call("now"),
    ];
    await turn();
    expect(written()).toEqual([[["a", "b"], "take", ["c"], "now"]]);
    answer(0);
    expect(await Promise.all(all)).toEqual(["a", "b", "take", "c", "now"]);
  });

  test("that come before the answer are collected and go together after it", async () => {
    const { queue, written, answer } = server();
    const first = queue.commit(commitOf("a"));
    await turn();
    void queue.commit(commitOf("b"));
    await turns();
    void queue.commit(commitOf("c"));
    await turns();
    expect(written()).toEqual([[["a"]]]);
    answer(0);
    expect(await first).toBe("a");
    await turns();
    expect(written()).toEqual([[["a"]], [["b", "c"]]]);
    answer(1);
    await turns();
    void queue.call("now");
    await turn();
    expect(written().at(-1)).toEqual(["now"]);
  });

  test("hold at most 100 commits and a million characters each, but one commit of any size", async () => {
    const many = server();
    for (let i = 0; i < 205; i++) void many.queue.commit(commitOf(`k${i}`));
    await turn();
    expect(many.written()[0]?.map((keys) => keys.length)).toEqual([100, 100, 5]);
    const large = server();
    for (const [name, length] of Object.entries({ a: 2_000_000, b: 600_000, c: 400_000, d: 300_000 }))
      void large.queue.commit(commitOf(name, length));
    await turn();
    expect(large.written()).toEqual([[["a"], ["b", "c"], ["d"]]]);
  });

  test("that fail fail all of their commits and none of another call", async () => {
    const { queue, answer } = server();
    const all = Promise.allSettled([
      queue.commit(commitOf("a")),
      queue.commit(commitOf("b")),
      queue.call("now"),
      queue.commit(commitOf("c")),
    ]);
    await turn();
    answer(0, (call) => (keysOrNone(call).includes("a") ? { error: new Error("OOM") } : answered(call)));
    expect((await all).map(({ status }) => status)).toEqual(["rejected", "rejected", "fulfilled", "fulfilled"]);
  });

  test("all fail when the connection breaks, and the next ones go all the same", async () => {
    const { queue, written, answer, breakOff } = server();
    const lost = Promise.allSettled([queue.commit(commitOf("a")), queue.call("now")]);
    await turn();
    const next = queue.commit(commitOf("b"));
    breakOff(0);
    expect((await lost).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    await turns();
    expect(written().at(-1)).toEqual([["b"]]);
    answer(1);
    expect(await next).toBe("b");
  });

  test("are over when everything that was asked is answered", async () => {
    const { queue, answer } = server();
    await queue.idle();
    const heard: unknown[] = [];
    const hear = (value: unknown) => heard.push(value);
    void queue.call("now").then(hear);
    const idle = queue.idle().then(() => heard.push("idle"));
    await turn();
    void queue.commit(commitOf("a")).then(hear);
    answer(0);
    await turns();
    expect(heard).toEqual(["now"]);
    answer(1);
    await idle;
    expect(heard).toEqual(["now", "a", "idle"]);
  });
});

function keysOrNone(call: Call): string[] {
  return call.name === "commit" ? keysOf(call) : [];
}
