import { expect, test } from "vitest";
import { createPollCollector, createQueueAlarm } from "../../runtime/create-deps.ts";
import type { TickRunner } from "../../shared/app/deps.ts";
import { createLog } from "../../shared/log.ts";

/** Creates an alarm with a clock that only the test advances. */
function createAlarmSetup() {
  const time = { now: 1_000_000 };
  const waiting: { at: number; wake: () => void }[] = [];
  const alarms: [queue: string, at: number][] = [];
  const wait = (ms: number) => new Promise<void>((wake) => waiting.push({ at: time.now + ms, wake }));
  const parts = { clock: () => time.now, wait, stopping: new AbortController().signal };
  const alarm = createQueueAlarm(parts, (queue) => alarms.push([queue, time.now]));
  async function advance(ms: number) {
    time.now += ms;
    for (const { at, wake } of waiting) if (at <= time.now) wake();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { alarm, waiting, alarms, advance, time };
}

test("an alarm wakes a queue soon after its job is due, never before", async () => {
  const { alarm, alarms, advance, time } = createAlarmSetup();
  const due = time.now + 1_250;
  alarm({ queue: "outbox", after: 1_250 });
  await advance(1_250);
  expect(alarms).toEqual([]);
  await advance(50);
  expect(alarms).toEqual([["outbox", due + 50]]);
});

/** Creates a collector whose delays and polls the test ends one by one. */
function createManualAsker(names = ["poll"]) {
  const waits: { ms: number; end(): void }[] = [];
  const polls: { end(): void; fail(): void }[] = [];
  const stop = new AbortController();
  const stored: boolean[] = [];
  const never = () => Promise.reject(new Error("not asked for"));
  const ticks: TickRunner = {
    names,
    runIfDue: never,
    runNow: never,
    waitUntilIdle: async () => {},
    runFresh: (name) =>
      new Promise((resolve, reject) => {
        polls.push({ end: () => resolve({ name, ms: 0, counts: {} }), fail: () => reject(new Error("down")) });
      }),
  };
  const ask = createPollCollector({
    ticks: () => ticks,
    log: createLog({ level: "error", write: () => {}, clock: Date.now }),
    signal: stop.signal,
    storePollRequest: (isRequested) => stored.push(isRequested),
    wait: (ms) => new Promise((resolve) => waits.push({ ms, end: resolve })),
  });
  return { ask, waits, polls, stop, stored };
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

test("A requested poll is shared by many requests and runs within a minute", async () => {
  const { ask, waits, polls } = createManualAsker();
  for (let i = 0; i < 100; i++) ask("a webhook was not kept");
  expect(waits.map((wait) => wait.ms)).toEqual([10_000]);
  waits[0]?.end();
  await nextTurn();
  expect(polls).toHaveLength(1);
  polls[0]?.end();
  await nextTurn();
  expect([waits.length, polls.length]).toEqual([1, 1]);
});

test("A requested poll is repeated until one succeeds", async () => {
  const { ask, waits, polls } = createManualAsker();
  ask("first");
  for (let i = 0; i < 3; i++) {
    waits[i]?.end();
    await nextTurn();
    if (i < 2) polls[i]?.fail();
    else polls[i]?.end();
    await nextTurn();
  }
  expect(waits.map((wait) => wait.ms)).toEqual([10_000, 20_000, 20_000]);
  expect(polls).toHaveLength(3);
});

test("A requested poll is stored as requested until a poll has succeeded that began after the last request", async () => {
  const { ask, waits, polls, stored } = createManualAsker();
  ask("first");
  ask("second");
  expect(stored).toEqual([true]);
  waits[0]?.end();
  await nextTurn();
  ask("while it runs");
  polls[0]?.end();
  await nextTurn();
  expect(stored).not.toContain(false);
  waits[1]?.end();
  await nextTurn();
  polls[1]?.fail();
  await nextTurn();
  expect(stored).not.toContain(false);
  waits[2]?.end();
  await nextTurn();
  polls[2]?.end();
  await nextTurn();
  expect(stored.at(-1)).toBe(false);
});

test("A requested poll is dropped when the runtime stops", async () => {
  const { ask, waits, polls, stop } = createManualAsker();
  ask("first");
  stop.abort();
  waits[0]?.end();
  await nextTurn();
  expect(polls).toHaveLength(0);
});
