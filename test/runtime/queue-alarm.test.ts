import { expect, test } from "vitest";
import { createQueueAlarm } from "../../runtime/create-deps.ts";

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

test("jobs of a queue that are due at one moment share an alarm", async () => {
  const { alarm, waiting, alarms, advance } = createAlarmSetup();
  for (let i = 0; i < 100; i += 1) alarm({ queue: "outbox", after: 100 });
  alarm({ queue: "inbox", after: 100 });
  expect(waiting).toHaveLength(2);
  await advance(150);
  expect(alarms.map(([queue]) => queue)).toEqual(["outbox", "inbox"]);
  alarm({ queue: "outbox", after: 100 });
  expect(waiting).toHaveLength(3);
});

test("a job that is due later than 5 s gets no alarm", () => {
  const { alarm, waiting } = createAlarmSetup();
  alarm({ queue: "outbox", after: 60_000 });
  expect(waiting).toEqual([]);
});
