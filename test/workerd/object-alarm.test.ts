import { env, evictDurableObject, runInDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import { createObjectAlarm, type ObjectAlarm } from "../../runtime/workers/object-schedule.ts";
import { createObjectStore } from "../../runtime/workers/platform.ts";
import type { Job, Store } from "../../shared/store/port.ts";
import { MINUTE, SECOND } from "../../shared/time.ts";

/** Far ahead, so that workerd itself never fires these alarms. */
const START = Date.UTC(2126, 0, 1, 12) + 20 * SECOND;

interface Inside {
  alarm: ObjectAlarm;
  store: Store;
}

/** The alarm and the store of a new object; `use` runs inside it. */
function openObjectAlarm() {
  const time = { now: START };
  const stub = env.OBJECT.get(env.OBJECT.newUniqueId());
  let current: Inside | undefined;
  return {
    time,
    use: <T>(act: (inside: Inside) => T | Promise<T>): Promise<T> =>
      runInDurableObject(stub, async (_, { storage }) => {
        if (!current) {
          const clock = () => time.now;
          const alarm = await createObjectAlarm({ storage, clock });
          current = { alarm, store: createObjectStore(storage, { clock, onChange: () => alarm.setForJobs() }) };
        }
        return act(current);
      }),
    readAlarm: () => runInDurableObject(stub, (_, { storage }) => storage.getAlarm()),
    async evict() {
      await evictDurableObject(stub);
      current = undefined;
    },
  };
}

const createJob = (at: number): Job => ({ queue: "outbox", lane: `chat ${at}`, id: `job ${at}`, body: {}, at });

test("The alarm of a Durable Object is set for the next full minute", async () => {
  const { use, readAlarm } = openObjectAlarm();
  await use(({ alarm }) => alarm.setNext());
  expect(await readAlarm()).toBe(START + 40 * SECOND);
});

test("The alarm of a Durable Object is set in the commit of a job: for its time, or in a second if it is due", async () => {
  const { use, readAlarm } = openObjectAlarm();
  await use(({ alarm }) => alarm.setNext());
  await use(({ store }) => store.commit({ jobs: [createJob(START + 5 * SECOND)] }));
  expect(await readAlarm()).toBe(START + 5 * SECOND);
  await use(({ store }) => store.commit({ jobs: [createJob(START - SECOND)] }));
  expect(await readAlarm()).toBe(START + SECOND);
});

test("The alarm of a Durable Object outlives its eviction, and the next object does not delay it", async () => {
  const { use, readAlarm, evict, time } = openObjectAlarm();
  await use(({ store }) => store.commit({ jobs: [createJob(START + 5 * SECOND)] }));
  await evict();
  time.now += 2 * SECOND;
  await use(({ alarm }) => alarm.setNext());
  expect(await readAlarm()).toBe(START + 5 * SECOND);
});

test("The alarm of a Durable Object is repaired when it was lost, and left alone when it is set", async () => {
  const { use, readAlarm, time } = openObjectAlarm();
  await use(({ alarm }) => alarm.repair());
  expect(await readAlarm()).toBe(START);
  time.now += 29 * SECOND;
  await use(({ alarm }) => alarm.repair());
  expect(await readAlarm()).toBe(START);
  time.now += MINUTE;
  await use(({ alarm }) => alarm.repair());
  expect(await readAlarm()).toBe(time.now);
});

test("The alarm of a Durable Object that an eviction cut off is set again by the next object, for the next second", async () => {
  const { use, readAlarm, evict, time } = openObjectAlarm();
  await use(({ alarm }) => alarm.setNext());
  time.now += 43 * SECOND;
  await evict();
  await use(({ alarm }) => alarm.setNext());
  expect(await readAlarm()).toBe(time.now + SECOND);
});

test("The alarm of a Durable Object that is only a little late is left to the platform", async () => {
  const { use, readAlarm, time } = openObjectAlarm();
  await use(({ alarm }) => alarm.setNext());
  time.now += 41 * SECOND;
  await use(({ store }) => store.commit({ jobs: [createJob(time.now)] }));
  expect(await readAlarm()).toBe(START + 40 * SECOND);
});

test("The alarm of a Durable Object is set for the next second while it runs, so that an eviction does not put it off", async () => {
  const { use, readAlarm, time } = openObjectAlarm();
  await use(({ alarm }) => alarm.setNext());
  time.now += 40 * SECOND;
  await use(({ alarm }) => alarm.begin());
  await use(({ store }) => store.commit({ jobs: [createJob(time.now)] }));
  await use(({ store }) => store.take("outbox", 2 * MINUTE, 1));
  expect(await readAlarm()).toBe(time.now + SECOND);
});

test("The alarm of a Durable Object is set for the next minute at its end, and for the next second if work is left", async () => {
  const { use, readAlarm, time } = openObjectAlarm();
  time.now += 40 * SECOND;
  await use(({ alarm }) => alarm.begin());
  await use(({ alarm }) => alarm.end({ isWorkLeft: false }));
  expect(await readAlarm()).toBe(time.now + MINUTE);
  await use(({ alarm }) => alarm.begin());
  await use(({ alarm }) => alarm.end({ isWorkLeft: true }));
  expect(await readAlarm()).toBe(time.now + SECOND);
});
