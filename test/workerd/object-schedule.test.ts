import { env, evictDurableObject, runInDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import { createObjectAlarm, createObjectTicks } from "../../runtime/workers/object-schedule.ts";
import { createObjectStore, type ObjectStorage } from "../../runtime/workers/platform.ts";
import { parseSettings } from "../../shared/config/settings.ts";
import type { Job } from "../../shared/store/port.ts";
import { MINUTE, SECOND } from "../../shared/time.ts";

/** Opens parts of a new object; `use` runs inside it, and each `evict` ends it and starts it on what it has stored. */
function openObject<Parts>(start: number, open: (storage: ObjectStorage, time: { now: number }) => Promise<Parts>) {
  const time = { now: start };
  const stub = env.OBJECT.get(env.OBJECT.newUniqueId());
  let current: Parts | undefined;
  return {
    time,
    use: <T>(act: (parts: Parts) => T | Promise<T>): Promise<T> =>
      runInDurableObject(stub, async (_, { storage }) => {
        current ??= await open(storage, time);
        return act(current);
      }),
    readAlarm: () => runInDurableObject(stub, (_, { storage }) => storage.getAlarm()),
    async evict() {
      await evictDurableObject(stub);
      current = undefined;
    },
  };
}

/** Far ahead, so that workerd itself never fires these alarms. */
const START = Date.UTC(2126, 0, 1, 12) + 20 * SECOND;

const openAlarm = () =>
  openObject(START, async (storage, time) => {
    const clock = () => time.now;
    const alarm = await createObjectAlarm({ storage, clock });
    return { alarm, store: createObjectStore(storage, { clock, onChange: () => alarm.setForJobs() }) };
  });

const createJob = (at: number): Job => ({ queue: "outbox", lane: `chat ${at}`, id: `job ${at}`, body: {}, at });

test("The alarm of a Durable Object is set for the next full minute, and in the commit of a job for its time, or in a second if it is due", async () => {
  const { use, readAlarm } = openAlarm();
  await use(({ alarm }) => alarm.setNext());
  expect(await readAlarm()).toBe(START + 40 * SECOND);
  await use(({ store }) => store.commit({ jobs: [createJob(START + 5 * SECOND)] }));
  expect(await readAlarm()).toBe(START + 5 * SECOND);
  await use(({ store }) => store.commit({ jobs: [createJob(START - SECOND)] }));
  expect(await readAlarm()).toBe(START + SECOND);
});

test("The alarm of a Durable Object outlives its eviction: the next object does not delay it, and sets one that was cut off again for the next second", async () => {
  const { use, readAlarm, evict, time } = openAlarm();
  await use(({ store }) => store.commit({ jobs: [createJob(START + 5 * SECOND)] }));
  await evict();
  time.now += 2 * SECOND;
  await use(({ alarm }) => alarm.setNext());
  expect(await readAlarm()).toBe(START + 5 * SECOND);
  time.now += 8 * SECOND;
  await evict();
  await use(({ alarm }) => alarm.setNext());
  expect(await readAlarm()).toBe(time.now + SECOND);
});

test("The alarm of a Durable Object that is only a little late is left to the platform, and set for the next second while it runs, so that an eviction does not put it off", async () => {
  const { use, readAlarm, time } = openAlarm();
  await use(({ alarm }) => alarm.setNext());
  time.now += 41 * SECOND;
  await use(({ store }) => store.commit({ jobs: [createJob(time.now)] }));
  expect(await readAlarm()).toBe(START + 40 * SECOND);
  await use(({ alarm }) => alarm.begin());
  await use(({ store }) => store.take("outbox", 2 * MINUTE, 1));
  expect(await readAlarm()).toBe(time.now + SECOND);
});

const parsed = parseSettings({}, { read: () => undefined });
if (!parsed.ok) throw new Error("these settings are valid");
const { settings } = parsed;
const TICKS = [
  { name: "poll", cron: () => "*/5 * * * *" },
  { name: "claims", cron: () => "* * * * *" },
  { name: "canary", cron: () => "23 * * * *" },
];
const NOON = Date.UTC(2026, 0, 1, 12);
type Ticks = Awaited<ReturnType<typeof createObjectTicks>>;
const takeNames = (ticks: Ticks) => ticks.takeDue().map(({ name }) => name);
const finish =
  (...names: string[]) =>
  (ticks: Ticks) => {
    for (const name of names) ticks.finish(name);
    ticks.storeFinished();
  };

const openTicks = () =>
  openObject(NOON, (storage, time) => createObjectTicks({ storage, clock: () => time.now, ticks: TICKS, settings }));

test("A tick of a Durable Object is due once at each of its times, also when the object slept, but not one that was due more than 10 minutes ago", async () => {
  const { time, use } = openTicks();
  const due: [at: number, names: string[]][] = [
    [0, ["poll", "claims"]],
    [59 * SECOND, []],
    [MINUTE, ["claims"]],
    [7 * MINUTE, ["poll", "claims"]],
    [32 * MINUTE, ["poll", "claims", "canary"]],
    [94 * MINUTE, ["poll", "claims"]],
  ];
  for (const [at, names] of due) {
    time.now = NOON + at;
    expect([at, await use(takeNames)]).toEqual([at, names]);
  }
});

test("A tick of a Durable Object that an eviction cut off is run again by the next object, not by the one that runs it, and not once it has ended", async () => {
  const { time, use, evict } = openTicks();
  await use(takeNames);
  time.now += SECOND;
  expect(await use(takeNames)).toEqual([]);
  await use(finish("claims"));
  await evict();
  expect(await use((ticks) => ticks.isResumeDue())).toBe(true);
  expect(await use((ticks) => ticks.takeDue())).toEqual([{ name: "poll", isResumed: true }]);
  await use(finish("poll"));
  await evict();
  expect(await use((ticks) => [ticks.isResumeDue(), ticks.takeDue()])).toEqual([false, []]);
});

test("A tick of a Durable Object that was requested runs at once, also after an eviction; one that ends its object each time begins again at once three times, and then with the next minute", async () => {
  const { time, use, evict } = openTicks();
  await use(takeNames);
  await use(finish("poll", "claims"));
  time.now += SECOND;
  await use((ticks) => ticks.request("poll"));
  const resumes: boolean[] = [];
  for (let i = 0; i < 5; i += 1) {
    await evict();
    resumes.push(await use((ticks) => ticks.isResumeDue()));
    expect(await use(takeNames)).toEqual(["poll"]);
  }
  expect(resumes).toEqual([true, true, true, false, false]);
});
