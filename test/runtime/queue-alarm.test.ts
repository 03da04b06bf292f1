import { expect, test } from "vitest";
import { createQueueAlarm } from "../../runtime/queue-alarm.ts";

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
  const { alarm, alarms: rung, advance: pass, time } = createAlarmSetup();
  const due = time.now + 1_250;
  alarm({ queue: "outbox", after: 1_250 });
  await pass(1_250);
  expect(rung).toEqual([]);
  await pass(50);
  expect(rung).toEqual([["outbox", due + 50]]);
});

test("jobs of a queue that are due at one moment share an alarm", async () => {
  const { alarm, waiting, alarms: rung, advance: pass } = createAlarmSetup();
  for (let i = 0; i < 100; i += 1) alarm({ queue: "outbox", after: 100 });
  alarm({ queue: "inbox", after: 100 });
  expect(waiting).toHaveLength(2);
  await pass(150);
  expect(rung.map(([queue]) => queue)).toEqual(["outbox", "inbox"]);
  alarm({ queue: "outbox", after: 100 });
  expect(waiting).toHaveLength(3);
});

test("a job that is due later than 5 s gets no alarm", () => {
  const { alarm, waiting } = createAlarmSetup();
  alarm({ queue: "outbox", after: 60_000 });
  expect(waiting).toEqual([]);
});
