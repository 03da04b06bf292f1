import { expect, test } from "vitest";
import { createQueueAlarm } from "../../runtime/queue-alarm.ts";

/** An alarm on a time that only the test moves. */
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

test("a queue is looked at soon after its job is due, never before", async () => {
  const { alarm, alarms: rung, advance: pass, time } = createAlarmSetup();
  const due = time.now + 1_250;
  alarm({ queue: "outbox", after: 1_250 });
  await pass(1_250);
  expect(rung).toEqual([]);
  await pass(50);
  expect(rung).toEqual([["outbox", due + 50]]);
});

test("many jobs that are due at one moment are one look, and each queue has its own", async () => {
  const { alarm, waiting, alarms: rung, advance: pass } = createAlarmSetup();
  for (let i = 0; i < 100; i += 1) alarm({ queue: "outbox", after: 100 });
  alarm({ queue: "inbox", after: 100 });
  expect(waiting).toHaveLength(2);
  await pass(150);
  expect(rung.map(([queue]) => queue)).toEqual(["outbox", "inbox"]);
  alarm({ queue: "outbox", after: 100 });
  expect(waiting).toHaveLength(3);
});

test("what is due in more than some seconds is left to the heartbeat", () => {
  const { alarm, waiting } = createAlarmSetup();
  alarm({ queue: "outbox", after: 60_000 });
  expect(waiting).toEqual([]);
});
