import { getErrorMessage } from "../errors.ts";
import { UnreadableJobError } from "../jobs/parse-job-body.ts";
import { isTransientPlaneError, PlaneRateLimitedError, PlaneUnavailableError } from "../plane/errors.ts";
import type { LeasedJob, Queue, Settlement } from "../store/job-operations.ts";
import { MINUTE, type Ms, SECOND } from "../time.ts";
import type { Deps, JobHandler } from "./deps.ts";

/** Delays before a failed job is tried again; the last one repeats. */
const RETRY_DELAYS_MS: readonly Ms[] = [SECOND, 5 * SECOND, 15 * SECOND, MINUTE, 5 * MINUTE];

/** Limit of permanent failures of one job: 10, then it becomes a dead letter. */
const MAX_FAILURES = 10;

/** Handles the jobs of all queues. Each queue runs independently, so that a slow one does not delay the others. */
export interface Pump {
  /** Takes due jobs of all queues (or of one) up to their concurrency; a full queue does so when a job has ended. */
  kick(queue?: Queue): void;
  /** Handles all due jobs; resolves with the number of settled jobs when none is left. */
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
 * Creates the function that runs one queue: it takes as many due jobs as the concurrency allows, handles them, and
 * takes more whenever one has ended. When it is called while it is taking jobs, it takes once more. It resolves with
 * the number of settled jobs when no job is due or running.
 */
function createQueueRunner(deps: Deps, handler: JobHandler): () => Promise<number> {
  const { queue, leaseMs, concurrency } = handler;
  let idle: PromiseWithResolvers<number> | undefined;
  let settled = 0;
  let running = 0;
  let isTaking = false;
  let takeAgain = false;

  async function takeDueJobs() {
    takeAgain = true;
    if (isTaking) return;
    isTaking = true;
    try {
      while (takeAgain && running < concurrency) {
        takeAgain = false;
        const jobs = await deps.store.take(queue, leaseMs, concurrency - running);
        const takenAt = deps.clock();
        for (const job of jobs) void runJob(job, takenAt);
      }
    } catch (thrown) {
      logQueueError(thrown);
    }
    isTaking = false;
    if (running > 0) return;
    // No await between the last check of `takeAgain` and here: a call in between would not be noticed.
    idle?.resolve(settled);
    idle = undefined;
    settled = 0;
  }

  async function runJob(job: LeasedJob, takenAt: Ms) {
    running += 1;
    try {
      const settlement = await handleJob(deps, handler, job);
      // The delay is computed from the store's time of the take and the time that has passed since by the local clock.
      if ("retryAt" in settlement)
        deps.kick({ queue, after: settlement.retryAt - (job.until - leaseMs) - (deps.clock() - takenAt) });
      settled += 1;
    } catch (thrown) {
      logQueueError(thrown);
    }
    running -= 1;
    void takeDueJobs();
  }

  function logQueueError(thrown: unknown) {
    deps.log.error("queue failed", { queue, error: getErrorMessage(thrown) });
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
    // A job that waits for Plane's rate limit is normal operation.
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
  if ("dead" in settlement)
    deps.log.error("job moved to dead letters", { queue: job.queue, job: job.id, reason: settlement.dead });
  if (!(await deps.store.settle(job, settlement))) deps.log.warn("job lease lost", { queue: job.queue, job: job.id });
  return settlement;
}

async function settleFailure(deps: Deps, job: LeasedJob, thrown: unknown): Promise<Settlement> {
  if (thrown instanceof UnreadableJobError) return { dead: thrown.message };
  const isPermanent = !isTransientPlaneError(thrown);
  if (isPermanent && job.failures + 1 >= MAX_FAILURES) return { dead: getErrorMessage(thrown) };
  const delay = getRetryAfter(thrown) ?? RETRY_DELAYS_MS[Math.min(job.tries, RETRY_DELAYS_MS.length) - 1] ?? 1_000;
  return { retryAt: (await deps.store.now()) + delay, failed: isPermanent };
}

function getRetryAfter(thrown: unknown): Ms | undefined {
  const limited = thrown instanceof PlaneRateLimitedError || thrown instanceof PlaneUnavailableError;
  return limited ? thrown.retryAfter : undefined;
}

function toLogFields(settlement: Settlement): Record<string, string> {
  return "retryAt" in settlement ? { retryAt: new Date(settlement.retryAt).toISOString() } : {};
}
