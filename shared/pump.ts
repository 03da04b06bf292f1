import type { Deps, Worker } from "./deps.ts";
import { messageOf } from "./errors.ts";
import { PlaneError, PlaneRateLimitedError, PlaneUnavailableError } from "./plane/errors.ts";
import type { Leased, Ms, Queue, Settlement } from "./store/port.ts";

/** Delays before a failed job is tried again; the last one repeats. */
const RETRY_MS: readonly Ms[] = [1_000, 5_000, 15_000, 60_000, 300_000];

/** A job that fails so often for a reason that does not pass is set aside. */
const TRIES = 10;

/** Works the queues, each for itself, so that a slow one keeps none of the others waiting. */
export interface Pump {
  /** Looks for due jobs in every queue (or this one) that has a place free; what is full looks when a job is over. */
  kick(queue?: Queue): void;
  /** Works everything that is due; resolves with the number of jobs settled when nothing is left. */
  drain(): Promise<number>;
}

export function createPump(deps: Deps, workers: readonly Worker[]): Pump {
  const takers = workers.map((worker) => createTaker(deps, worker));
  return {
    kick(queue) {
      for (const [i, taker] of takers.entries()) if (!queue || workers[i]?.queue === queue) void taker();
    },
    async drain() {
      let settled = 0;
      for (;;) {
        const round = (await Promise.all(takers.map((taker) => taker()))).reduce((sum, n) => sum + n, 0);
        if (round === 0) return settled;
        settled += round;
      }
    },
  };
}

/**
 * One queue's taker: takes as many due jobs as it has places free, works them side by side, and looks again whenever
 * one is over. Called while it looks, it looks once more. Resolves, with the number of jobs settled, when no job is
 * due or at work.
 */
function createTaker(deps: Deps, worker: Worker): () => Promise<number> {
  const { queue, ttl, parallel } = worker;
  let idle: PromiseWithResolvers<number> | undefined;
  let settled = 0;
  let working = 0;
  let looking = false;
  let again = false;

  async function look() {
    again = true;
    if (looking) return;
    looking = true;
    try {
      while (again && working < parallel) {
        again = false;
        const jobs = await deps.store.take(queue, ttl, parallel - working);
        const takenAt = deps.clock();
        for (const job of jobs) void work(job, takenAt);
      }
    } catch (thrown) {
      stopped(thrown);
    }
    looking = false;
    if (working > 0) return;
    // In the same breath as the last look at `again`: a call in between would find a taker that no longer looks.
    idle?.resolve(settled);
    idle = undefined;
    settled = 0;
  }

  async function work(job: Leased, takenAt: Ms) {
    working += 1;
    try {
      const how = await workOne(deps, worker, job);
      // The store's time when it was taken, and what has passed since by our clock.
      if ("retryAt" in how) deps.kick({ queue, after: how.retryAt - (job.until - ttl) - (deps.clock() - takenAt) });
      settled += 1;
    } catch (thrown) {
      stopped(thrown);
    }
    working -= 1;
    void look();
  }

  function stopped(thrown: unknown) {
    deps.log.error("queue stopped", { queue, error: messageOf(thrown) });
  }

  return () => {
    idle ??= Promise.withResolvers<number>();
    const { promise } = idle;
    void look();
    return promise;
  };
}

async function workOne(deps: Deps, worker: Worker, job: Leased): Promise<Settlement> {
  let how: Settlement;
  try {
    how = await worker.work(deps, job);
  } catch (thrown) {
    how = await afterFailure(deps, job, thrown);
    // A job that only waits for its turn at Plane is no trouble.
    deps.log[thrown instanceof PlaneRateLimitedError ? "debug" : "warn"]("job failed", {
      queue: job.queue,
      job: job.id,
      tries: job.tries,
      error: messageOf(thrown),
      ...told(how),
    });
  }
  const outcome = "done" in how ? "done" : "dead" in how ? "dead" : "retry";
  deps.metrics.count("groundcrew_jobs_total", { queue: job.queue, outcome });
  if ("dead" in how) deps.log.error("job set aside", { queue: job.queue, job: job.id, reason: how.dead });
  if (!(await deps.store.settle(job, how))) deps.log.warn("lease lost", { queue: job.queue, job: job.id });
  return how;
}

async function afterFailure(deps: Deps, job: Leased, thrown: unknown): Promise<Settlement> {
  const failed = !isPassing(thrown);
  if (failed && job.failures + 1 >= TRIES) return { dead: messageOf(thrown) };
  const delay = waitOf(thrown) ?? RETRY_MS[Math.min(job.tries, RETRY_MS.length) - 1] ?? 1_000;
  return { retryAt: (await deps.store.now()) + delay, failed };
}

/** Reasons that pass, or that a person must mend: such a job waits and is never given up. */
function isPassing(thrown: unknown): boolean {
  return thrown instanceof PlaneError && ["unavailable", "rate_limited", "auth"].includes(thrown.code);
}

function waitOf(thrown: unknown): Ms | undefined {
  const limited = thrown instanceof PlaneRateLimitedError || thrown instanceof PlaneUnavailableError;
  return limited ? thrown.retryAfter : undefined;
}

function told(how: Settlement): Record<string, string> {
  return "retryAt" in how ? { retryAt: new Date(how.retryAt).toISOString() } : {};
}
