import { expect, test } from "vitest";
import { createMemoryStore } from "../../../runtime/stores/sqlite-store.ts";
import type { Deps, JobHandler, Tick, TickRunner } from "../../../shared/app/deps.ts";
import { createPump } from "../../../shared/app/pump.ts";
import { createTickRunner } from "../../../shared/app/ticks.ts";
import { createLog } from "../../../shared/log.ts";
import { noMetrics } from "../../../shared/metrics.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { PlaneAuthError, PlaneRateLimitedError, PlaneUnavailableError } from "../../../shared/plane/errors.ts";
import type { JobResult, Store } from "../../../shared/store/port.ts";
import { MINUTE, wait } from "../../../shared/time.ts";

const START = Date.UTC(2026, 0, 5, 8);
const PLANE = { operation: "work_items_get" };

/** One job of a queue with the given handler, and the times at which it was handled. */
async function createPumpSetup(act: (nth: number) => JobResult) {
  const time = { now: START };
  const store = createMemoryStore({ clock: () => time.now });
  const moments: number[] = [];
  const worker: JobHandler = {
    queue: "outbox",
    leaseMs: MINUTE,
    concurrency: 2,
    async handle() {
      moments.push((time.now - START) / 1000);
      return act(moments.length);
    },
  };
  const log = createLog({ level: "debug", write: () => {}, clock: () => time.now });
  const needed: Partial<Deps> = { store, log, metrics: noMetrics, clock: () => time.now, notify: () => {} };
  const pump = createPump(needed as Deps, [worker]);
  await store.commit({ jobs: [{ id: "job", queue: "outbox", lane: "lane", body: {} }] });
  return {
    store,
    moments,
    /** Handles due jobs, second by second. */
    async runFor(ms: number) {
      for (const end = time.now + ms; time.now < end; time.now += 1000) await pump.drain();
    },
    reasons: async () => (await store.listDeadJobs("outbox")).map(({ reason }) => reason),
    isDone: async () => (await store.stats()).queues.outbox.pending === 0,
  };
}

test("A job that fails is retried after 1, 5, 15, 60 and then every 300 seconds, and becomes a dead letter at the tenth failure", async () => {
  const setup = await createPumpSetup(() => {
    throw new Error("a mistake of ours");
  });
  await setup.runFor(30 * MINUTE);
  expect(setup.moments).toEqual([0, 1, 6, 21, 81, 381, 681, 981, 1281, 1581]);
  expect(await setup.reasons()).toEqual(["a mistake of ours"]);
});

test("A job that fails is retried without limit while Plane is unavailable, which does not count as a failure", async () => {
  const away = [
    () => new PlaneUnavailableError(PLANE, "Plane cannot be reached."),
    () => new PlaneAuthError({ ...PLANE, status: 401, reason: "key" }, "Plane does not know the key."),
    () => new PlaneRateLimitedError({ ...PLANE, status: 429, retryAfter: 2_000 }, "Plane wants a pause."),
  ];
  const setup = await createPumpSetup((nth) => {
    // Ten times each, so that none of them counts as a failure.
    if (nth <= 30) throw away[nth % 3]?.() ?? new Error("none");
    if (nth === 31) throw new Error("a mistake of ours");
    return { done: true };
  });
  await setup.runFor(180 * MINUTE);
  expect(setup.moments).toHaveLength(32);
  expect([await setup.isDone(), await setup.reasons()]).toEqual([true, []]);
});

test("A job that fails waits for the time that Plane requests", async () => {
  const setup = await createPumpSetup((nth) => {
    if (nth > 1) return { done: true };
    throw new PlaneRateLimitedError({ ...PLANE, status: 429, retryAfter: 42_000 }, "A pause.");
  });
  await setup.runFor(MINUTE);
  expect(setup.moments).toEqual([0, 42]);
});

/** A tick whose runs a test starts and ends, and the number of its concurrent runs. */
function createManualTick(sideBySide?: true) {
  const passes: { end(): void }[] = [];
  let atOnce = 0;
  let maxRunning = 0;
  const tick: Tick = {
    name: "poll",
    cron: () => "* * * * *",
    ...omitUndefined({ sideBySide }),
    run() {
      atOnce += 1;
      maxRunning = Math.max(maxRunning, atOnce);
      return new Promise<Record<string, number>>((resolve) => {
        const nth = passes.length + 1;
        passes.push({ end: () => resolve({ nth }) });
      }).finally(() => {
        atOnce -= 1;
      });
    },
  };
  return { tick, passes, maxRunning: () => maxRunning };
}

/** One process's ticks on a store; its waits end at once unless the test holds them. */
function createProcess(
  store: Store,
  tick: Tick,
  waitLike: Deps["wait"] = (_, signal) => wait(signal ? 60_000 : 1, signal),
) {
  const log = createLog({ level: "debug", write: () => {}, clock: Date.now });
  const newId = () => `${Math.random()}`;
  const needed: Partial<Deps> = { store, log, metrics: noMetrics, clock: Date.now, wait: waitLike, newId };
  return createTickRunner([tick], () => needed as Deps, { isOnlyProcess: false });
}

const waitForPasses = (passes: unknown[], count: number) =>
  expect.poll(() => passes.length, { interval: 1 }).toBe(count);

test("A tick in one process never runs twice at once: callers meanwhile get the same report", async () => {
  const { tick, passes } = createManualTick();
  const ticks = createProcess(createMemoryStore({ clock: Date.now }), tick);
  const tickRuns = [ticks.runNow("poll"), ticks.runIfDue("poll"), ticks.runNow("poll")];
  await waitForPasses(passes, 1);
  passes[0]?.end();
  expect((await Promise.all(tickRuns)).map((report) => report?.counts)).toEqual([{ nth: 1 }, { nth: 1 }, { nth: 1 }]);
  expect(passes).toHaveLength(1);
});

test("A tick in two processes on one store waits on demand until the other has ended", async () => {
  const { tick, passes } = createManualTick();
  const store = createMemoryStore({ clock: Date.now });
  let looks = 0;
  const first = createProcess(store, tick).runNow("poll");
  await waitForPasses(passes, 1);
  const second = createProcess(store, tick, (_, signal) => {
    if (!signal) looks += 1;
    return wait(signal ? 60_000 : 1, signal);
  }).runNow("poll");
  let over = false;
  void second.then(() => {
    over = true;
  });
  await expect.poll(() => looks, { interval: 1 }).toBeGreaterThan(3);
  expect(over).toBe(false);
  passes[0]?.end();
  await first;
  await waitForPasses(passes, 2);
  passes[1]?.end();
  expect((await second).counts).toEqual({ nth: 2 });
});

test("A tick in two processes on one store of a crashed process is taken over when its lease has expired", async () => {
  let now = 1_700_000_000_000;
  const store = createMemoryStore({ clock: () => now });
  await store.lease("tick:poll", "the dead one", 60_000);
  const { tick, passes } = createManualTick();
  const ticks = createProcess(store, tick, async (_, signal) => {
    if (signal) return wait(60_000, signal);
    now += 10_000;
  });
  const taken = ticks.runNow("poll");
  await waitForPasses(passes, 1);
  passes[0]?.end();
  expect((await taken).counts).toEqual({ nth: 1 });
  expect(now).toBe(1_700_000_060_000);
});

test("A tick in two processes on one store keeps its lease however long it takes, and releases it", async () => {
  let now = 1_700_000_000_000;
  let renewals = 0;
  const store = createMemoryStore({ clock: () => now });
  const { tick, passes } = createManualTick();
  const ticks = createProcess(store, tick, async (ms, signal) => {
    if (renewals < 10) {
      renewals += 1;
      now += ms;
    } else await wait(60_000, signal);
  });
  const long = ticks.runNow("poll");
  await expect.poll(() => renewals).toBe(10);
  expect(await store.lease("tick:poll", "another", 1000)).toHaveProperty("heldBy");
  passes[0]?.end();
  await long;
  expect(await store.lease("tick:poll", "another", 1000)).toHaveProperty("fence");
});

test("A tick whose work is separated by job leases may run in two processes at once, but not twice in one", async () => {
  const { tick, passes, maxRunning } = createManualTick(true);
  const store = createMemoryStore({ clock: Date.now });
  const [a, b]: TickRunner[] = [createProcess(store, tick), createProcess(store, tick)];
  const tickRuns = [a?.runIfDue("poll"), b?.runIfDue("poll"), b?.runIfDue("poll")];
  await waitForPasses(passes, 2);
  for (const pass of passes) pass.end();
  await Promise.all(tickRuns);
  expect([passes.length, maxRunning()]).toEqual([2, 2]);
});
