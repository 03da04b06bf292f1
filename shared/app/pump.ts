import { getErrorMessage } from "../errors.ts";
import { PlaneError, PlaneRateLimitedError, PlaneUnavailableError } from "../plane/errors.ts";
import type { LeasedJob, Queue, Settlement } from "../store/port.ts";
import { MINUTE, type Ms, SECOND } from "../time.ts";
import type { Deps, JobHandler } from "./deps.ts";

/** Delays before a failed job is tried again; the last one repeats. */
const RETRY_DELAYS_MS: readonly Ms[] = [SECOND, 5 * SECOND, 15 * SECOND, MINUTE, 5 * MINUTE];

/** A job that fails so often for a reason that does not pass is set aside. */
const MAX_FAILURES = 10;

/** Works the queues, each for itself, so that a slow one keeps none of the others waiting. */
export interface Pump {
  /** Looks for due jobs in every queue (or this one) that has a place free; what is full looks when a job is over. */
  kick(queue?: Queue): void;
  /** Works everything that is due; resolves with the number of jobs settled when nothing is left. */
  drain(): Promise<number>;
}

export function createPump(deps: Deps, handlers: readonly JobHandler[]): Pump {
  const runners = handlers.map((handler) => createQueueRunner(deps, handler));
  return {
    kick(queue) {
      for (const [i, runQueue] of runners.entries()) if (!queue || handlers[i]?.queue === queue) void runQueue();
    },
    async drain() {
      let settled = 0;
      for (;;) {
        const round = (await Promise.all(runners.map((runQueue) => runQueue()))).reduce((sum, n) => sum + n, 0);
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
function createQueueRunner(deps: Deps, handler: JobHandler): () => Promise<number> {
  const { queue, leaseMs: ttl, concurrency: parallel } = handler;
  let idle: PromiseWithResolvers<number> | undefined;
  let settled = 0;
  let working = 0;
  let looking = false;
  let again = false;

  async function takeDueJobs() {
    again = true;
    if (looking) return;
    looking = true;
    try {
      while (again && working < parallel) {
        again = false;
        const jobs = await deps.store.take(queue, ttl, parallel - working);
        const takenAt = deps.clock();
        for (const job of jobs) void runJob(job, takenAt);
      }
    } catch (thrown) {
      logQueueError(thrown);
    }
    looking = false;
    if (working > 0) return;
    // In the same breath as the last look at `again`: a call in between would find a taker that no longer looks.
    idle?.resolve(settled);
    idle = undefined;
    settled = 0;
  }

  async function runJob(job: LeasedJob, takenAt: Ms) {
    working += 1;
    try {
      const settlement = await handleJob(deps, handler, job);
      // The store's time when it was taken, and what has passed since by our clock.
      if ("retryAt" in settlement)
        deps.kick({ queue, after: settlement.retryAt - (job.until - ttl) - (deps.clock() - takenAt) });
      settled += 1;
    } catch (thrown) {
      logQueueError(thrown);
    }
    working -= 1;
    void takeDueJobs();
  }

  function logQueueError(thrown: unknown) {
    deps.log.error("queue stopped", { queue, error: getErrorMessage(thrown) });
  }

  return () => {
    idle ??= Promise.withResolvers<number>();
    const { promise } = idle;
    void takeDueJobs();
    return promise;
  };
}

async function handleJob(deps: Deps, handler: JobHandler, job: LeasedJob): Promise<Settlement> {
  let settlement: Settlement;
  try {
    settlement = await handler.handle(deps, job);
  } catch (thrown) {
    settlement = await settleFailure(deps, job, thrown);
    // A job that only waits for its turn at Plane is no trouble.
    deps.log[thrown instanceof PlaneRateLimitedError ? "debug" : "warn"]("job failed", {
      queue: job.queue,
      job: job.id,
      tries: job.tries,
      error: getErrorMessage(thrown),
      ...toLogFields(settlement),
    });
  }
  const outcome = "done" in settlement ? "done" : "dead" in settlement ? "dead" : "retry";
  deps.metrics.count("groundcrew_jobs_total", { queue: job.queue, outcome });
  if ("dead" in settlement) deps.log.error("job set aside", { queue: job.queue, job: job.id, reason: settlement.dead });
  if (!(await deps.store.settle(job, settlement))) deps.log.warn("lease lost", { queue: job.queue, job: job.id });
  return settlement;
}

async function settleFailure(deps: Deps, job: LeasedJob, thrown: unknown): Promise<Settlement> {
  const isPermanent = !isTransient(thrown);
  if (isPermanent && job.failures + 1 >= MAX_FAILURES) return { dead: getErrorMessage(thrown) };
  const delay = getRetryAfter(thrown) ?? RETRY_DELAYS_MS[Math.min(job.tries, RETRY_DELAYS_MS.length) - 1] ?? 1_000;
  return { retryAt: (await deps.store.now()) + delay, failed: isPermanent };
}

/** Reasons that pass, or that a person must mend: such a job waits and is never given up. */
function isTransient(thrown: unknown): boolean {
  return thrown instanceof PlaneError && ["unavailable", "rate_limited", "auth"].includes(thrown.code);
}

function getRetryAfter(thrown: unknown): Ms | undefined {
  const limited = thrown instanceof PlaneRateLimitedError || thrown instanceof PlaneUnavailableError;
  return limited ? thrown.retryAfter : undefined;
}

function toLogFields(settlement: Settlement): Record<string, string> {
  return "retryAt" in settlement ? { retryAt: new Date(settlement.retryAt).toISOString() } : {};
}
