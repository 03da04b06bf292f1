/**
 * The pump works the queues: it takes due jobs, hands each to its handler, and acknowledges it as done, to be tried
 * again later, or as a dead letter.
 */

import { getErrorMessage } from "../errors.ts";
import { UnreadableJobError } from "../jobs/internal-jobs.ts";
import { isTransientPlaneError, PlaneRateLimitedError, PlaneUnavailableError } from "../plane/errors.ts";
import type { JobResult, LeasedJob, Queue } from "../store/port.ts";
import { MINUTE, type Ms, SECOND } from "../time.ts";
import type { Deps, JobHandler } from "./deps.ts";

/** Handles the jobs of all queues. Each queue runs independently, so that a slow one does not delay the others. */
interface Pump {
  /**
   * Takes due jobs of all queues (or of one) up to their concurrency; a full queue does so when a job has ended.
   * Resolves with the number of handled jobs when none of these queues has a due or running one.
   */
  notify(queue?: Queue): Promise<number>;
  /** Handles all due jobs; resolves with the number of handled jobs when none is left. */
  drain(): Promise<number>;
}

/** Delays before a failed job is tried again; the last one repeats. */
const RETRY_DELAYS_MS: readonly Ms[] = [SECOND, 5 * SECOND, 15 * SECOND, MINUTE, 5 * MINUTE];

/** Limit of permanent failures of one job: 10, then it becomes a dead letter. */
const MAX_FAILURES = 10;

export function createPump(deps: Deps, handlers: readonly JobHandler[]): Pump {
  const runners = new Map(handlers.map((handler) => [handler.queue, createQueueRunner(deps, handler)]));
  async function notify(queue?: Queue): Promise<number> {
    if (queue) return (await runners.get(queue)?.()) ?? 0;
    const handled = await Promise.all([...runners.values()].map((runQueue) => runQueue()));
    return handled.reduce((sum, n) => sum + n, 0);
  }

  return {
    notify,
    async drain() {
      let handled = 0;
      for (;;) {
        const round = await notify();
        if (round === 0) return handled;
        handled += round;
      }
    },
  };
}

/**
 * Creates the function that runs one queue: it takes as many due jobs as the concurrency allows, handles them, and
 * takes more whenever one has ended. When it is called while it is taking jobs, it takes once more. It resolves with
 * the number of handled jobs when no job is due or running.
 */
function createQueueRunner(deps: Deps, handler: JobHandler): () => Promise<number> {
  const { queue, leaseMs, concurrency } = handler;
  let idle: PromiseWithResolvers<number> | undefined;
  let handled = 0;
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
    idle?.resolve(handled);
    idle = undefined;
    handled = 0;
  }

  async function runJob(job: LeasedJob, takenAt: Ms) {
    running += 1;
    try {
      const jobResult = await handleJob(deps, handler, job);
      // The delay is computed from the store's time of the take and the time that has passed since by the local clock.
      if ("retryAt" in jobResult)
        deps.notify({ queue, after: jobResult.retryAt - (job.until - leaseMs) - (deps.clock() - takenAt) });
      handled += 1;
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

async function handleJob(deps: Deps, handler: JobHandler, job: LeasedJob): Promise<JobResult> {
  let jobResult: JobResult;
  try {
    jobResult = await handler.handle(deps, job);
  } catch (thrown) {
    jobResult = await acknowledgeFailure(deps, job, thrown);
    // A job that waits for Plane's rate limit is normal operation.
    deps.log[thrown instanceof PlaneRateLimitedError ? "debug" : "warn"]("job failed", {
      queue: job.queue,
      job: job.id,
      tries: job.tries,
      error: getErrorMessage(thrown),
      ...toLogFields(jobResult),
    });
  }
  const outcome = "done" in jobResult ? "done" : "dead" in jobResult ? "dead" : "retry";
  deps.metrics.count("groundcrew_jobs_total", { queue: job.queue, outcome });
  if ("dead" in jobResult)
    deps.log.error("job moved to dead letters", { queue: job.queue, job: job.id, reason: jobResult.dead });
  if (!(await deps.store.acknowledge(job, jobResult)))
    deps.log.warn("job lease lost", { queue: job.queue, job: job.id });
  return jobResult;
}

async function acknowledgeFailure(deps: Deps, job: LeasedJob, thrown: unknown): Promise<JobResult> {
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

function toLogFields(jobResult: JobResult): Record<string, string> {
  return "retryAt" in jobResult ? { retryAt: new Date(jobResult.retryAt).toISOString() } : {};
}
