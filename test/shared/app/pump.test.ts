import { expect, test } from "vitest";
import { createMemoryStore } from "../../../runtime/stores/sqlite-store.ts";
import type { Deps, JobHandler } from "../../../shared/app/deps.ts";
import { createPump } from "../../../shared/app/pump.ts";
import { createLog } from "../../../shared/log.ts";
import { noMetrics } from "../../../shared/metrics.ts";
import { PlaneAuthError, PlaneRateLimitedError, PlaneUnavailableError } from "../../../shared/plane/errors.ts";
import type { JobResult } from "../../../shared/store/port.ts";
import { MINUTE } from "../../../shared/time.ts";

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
