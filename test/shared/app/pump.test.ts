import { describe, expect, test } from "vitest";
import type { Deps, JobHandler } from "../../../shared/app/deps.ts";
import { createPump } from "../../../shared/app/pump.ts";
import { createLog } from "../../../shared/log.ts";
import { noMetrics } from "../../../shared/metrics.ts";
import { PlaneAuthError, PlaneRateLimitedError, PlaneUnavailableError } from "../../../shared/plane/errors.ts";
import { createMemoryStore } from "../../../shared/store/memory/memory-store.ts";
import type { Settlement } from "../../../shared/store/port.ts";
import { MINUTE } from "../../../shared/time.ts";

const START = Date.UTC(2026, 0, 5, 8);
const PLANE = { operation: "work_items_get" };

/** One job of a queue whose worker does what it is told, and the moments at which it was worked. */
async function createPumpSetup(act: (nth: number) => Settlement) {
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
  const needed: Partial<Deps> = { store, log, metrics: noMetrics, clock: () => time.now, kick: () => {} };
  const pump = createPump(needed as Deps, [worker]);
  await store.commit({ jobs: [{ id: "job", queue: "outbox", lane: "lane", body: {} }] });
  return {
    store,
    moments,
    /** Works what is due, second by second. */
    async runFor(ms: number) {
      for (const end = time.now + ms; time.now < end; time.now += 1000) await pump.drain();
    },
    reasons: async () => (await store.listDeadJobs("outbox")).map(({ reason }) => reason),
    isDone: async () => (await store.stats()).queues.outbox.pending === 0,
  };
}

function throwError(thrown: () => Error): never {
  throw thrown();
}

describe("A job that fails", () => {
  test("is tried again after 1, 5, 15, 60 and then each 300 seconds, and set aside at the tenth failure", async () => {
    const one = await createPumpSetup(() => throwError(() => new Error("a mistake of ours")));
    await one.runFor(60 * MINUTE);
    expect(one.moments).toEqual([0, 1, 6, 21, 81, 381, 681, 981, 1281, 1581]);
    expect(await one.reasons()).toEqual(["a mistake of ours"]);
  });

  test("is not set aside for its first mistakes because it has waited before", async () => {
    let now = START;
    const one = await createPumpSetup((nth) => {
      now += 1000;
      if (nth <= 40) return { retryAt: now };
      return nth < 50 ? throwError(() => new Error("a mistake of ours")) : { done: true };
    });
    await one.runFor(120 * MINUTE);
    expect(one.moments).toHaveLength(50);
    expect([await one.isDone(), await one.reasons()]).toEqual([true, []]);
  });

  test("is not set aside for its first mistake because Plane was away, and waits as long as it is", async () => {
    const away = [
      () => new PlaneUnavailableError(PLANE, "Plane cannot be reached."),
      () => new PlaneAuthError({ ...PLANE, status: 401, reason: "key" }, "Plane does not know the key."),
      () => new PlaneRateLimitedError({ ...PLANE, status: 429, retryAfter: 2_000 }, "Plane wants a pause."),
    ];
    const one = await createPumpSetup((nth) => {
      if (nth <= 30) return throwError(away[nth % 3] ?? (() => new Error("none")));
      return nth === 31 ? throwError(() => new Error("a mistake of ours")) : { done: true };
    });
    await one.runFor(24 * 60 * MINUTE);
    expect(one.moments).toHaveLength(32);
    expect([await one.isDone(), await one.reasons()]).toEqual([true, []]);
  });

  test("waits for as long as Plane asks", async () => {
    const one = await createPumpSetup((nth) =>
      nth === 1
        ? throwError(() => new PlaneRateLimitedError({ ...PLANE, status: 429, retryAfter: 42_000 }, "A pause."))
        : { done: true },
    );
    await one.runFor(MINUTE);
    expect(one.moments).toEqual([0, 42]);
  });
});
