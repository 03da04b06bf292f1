import { expect, test } from "vitest";
import { createMemoryStore } from "../../../runtime/stores/sqlite-store.ts";
import type { Deps, Tick, TickRunner } from "../../../shared/app/deps.ts";
import { createTickRunner } from "../../../shared/app/ticks.ts";
import { createLog } from "../../../shared/log.ts";
import { noMetrics } from "../../../shared/metrics.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import type { Store } from "../../../shared/store/port.ts";
import { wait } from "../../../shared/time.ts";

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
