import { env, evictDurableObject, runInDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import { createObjectTicks } from "../../runtime/workers/object-schedule.ts";
import { parseSettings } from "../../shared/config/settings.ts";
import { MINUTE, SECOND } from "../../shared/time.ts";

const START = Date.UTC(2026, 0, 1, 12);
const parsed = parseSettings({}, { read: () => undefined });
if (!parsed.ok) throw new Error("these settings are valid");
const { settings } = parsed;
const TICKS = [
  { name: "poll", cron: () => "*/5 * * * *" },
  { name: "claims", cron: () => "* * * * *" },
  { name: "canary", cron: () => "23 * * * *" },
];

type Ticks = Awaited<ReturnType<typeof createObjectTicks>>;

/** The ticks of a new object; `use` runs inside it, and each `evict` ends it and starts it on what it has stored. */
function openObjectTicks() {
  const time = { now: START };
  const stub = env.OBJECT.get(env.OBJECT.newUniqueId());
  let current: Ticks | undefined;
  return {
    time,
    use: <T>(act: (ticks: Ticks) => T): Promise<T> =>
      runInDurableObject(stub, async (_, { storage }) => {
        current ??= await createObjectTicks({ storage, clock: () => time.now, ticks: TICKS, settings });
        return act(current);
      }),
    async evict() {
      await evictDurableObject(stub);
      current = undefined;
    },
  };
}

const takeNames = (ticks: Ticks) => ticks.takeDue().map(({ name }) => name);

test("A tick of a Durable Object is due once at each of its times", async () => {
  const { time, use } = openObjectTicks();
  expect(await use(takeNames)).toEqual(["poll", "claims"]);
  time.now += 59 * SECOND;
  expect(await use(takeNames)).toEqual([]);
  time.now += SECOND;
  expect(await use(takeNames)).toEqual(["claims"]);
});

test("A tick of a Durable Object that was due while the object slept is run", async () => {
  const { time, use } = openObjectTicks();
  await use(takeNames);
  time.now += 6 * MINUTE;
  expect(await use(takeNames)).toEqual(["poll", "claims"]);
  time.now = START + 32 * MINUTE;
  expect(await use(takeNames)).toEqual(["poll", "claims", "canary"]);
});

test("A tick of a Durable Object that was due more than 10 minutes ago waits for its next time", async () => {
  const { time, use } = openObjectTicks();
  await use(takeNames);
  time.now = START + 34 * MINUTE;
  expect(await use(takeNames)).toEqual(["poll", "claims"]);
});

test("A tick of a Durable Object that an eviction cut off is run again by the next object, and not once it has ended", async () => {
  const { use, evict } = openObjectTicks();
  await use(takeNames);
  await use((ticks) => {
    ticks.finish("claims");
    ticks.storeFinished();
  });
  await evict();
  expect(await use((ticks) => ticks.isResumeDue())).toBe(true);
  expect(await use((ticks) => ticks.takeDue())).toEqual([{ name: "poll", isResumed: true }]);
  await use((ticks) => {
    ticks.finish("poll");
    ticks.storeFinished();
  });
  await evict();
  expect(await use((ticks) => [ticks.isResumeDue(), ticks.takeDue()])).toEqual([false, []]);
});

test("A tick of a Durable Object that runs on is not taken a second time by the object that runs it", async () => {
  const { time, use } = openObjectTicks();
  await use(takeNames);
  time.now += SECOND;
  expect(await use(takeNames)).toEqual([]);
});

test("A tick of a Durable Object that was requested runs at once, also after an eviction", async () => {
  const { time, use, evict } = openObjectTicks();
  await use(takeNames);
  await use((ticks) => {
    for (const name of ["poll", "claims"]) ticks.finish(name);
    ticks.storeFinished();
  });
  time.now += SECOND;
  await use((ticks) => ticks.request("poll"));
  await evict();
  expect(await use((ticks) => [ticks.isResumeDue(), takeNames(ticks)])).toEqual([true, ["poll"]]);
});

test("A tick that ends its Durable Object each time begins again at once three times, and then with the next minute", async () => {
  const { use, evict } = openObjectTicks();
  await use(takeNames);
  const resumes: boolean[] = [];
  for (let i = 0; i < 5; i += 1) {
    await evict();
    resumes.push(await use((ticks) => ticks.isResumeDue()));
    expect(await use(takeNames)).toEqual(["poll", "claims"]);
  }
  expect(resumes).toEqual([true, true, true, false, false]);
});
