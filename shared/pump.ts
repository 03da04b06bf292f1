import type { Deps, Worker } from "./deps.ts";
import { messageOf } from "./errors.ts";
import { PlaneError, PlaneRateLimitedError, PlaneUnavailableError } from "./plane/errors.ts";
import type { Leased, Ms, Settlement } from "./store/port.ts";

/** Delays before a failed job is tried again; the last one repeats. */
const RETRY_MS: readonly Ms[] = [1_000, 5_000, 15_000, 60_000, 300_000];

/** A job that fails so often for a reason that does not pass is set aside. */
const TRIES = 10;

/** Works the queues. Each has its own loops, so that a slow one keeps none of the others waiting. */
export interface Pump {
  /** Starts the loops that are idle; those at work look again before they stop. */
  kick(): void;
  /** Works everything that is due; resolves with the number of jobs settled when nothing is left. */
  drain(): Promise<number>;
}

export function createPump(deps: Deps, workers: readonly Worker[]): Pump {
  const loops = workers.flatMap((worker) => Array.from({ length: worker.parallel }, () => createLoop(deps, worker)));
  return {
    kick() {
      for (const loop of loops) void loop();
    },
    async drain() {
      let settled = 0;
      for (;;) {
        const round = (await Promise.all(loops.map((loop) => loop()))).reduce((sum, n) => sum + n, 0);
        if (round === 0) return settled;
        settled += round;
      }
    },
  };
}

/** One taker: takes and works one job after the other until none is due. Called while at work, it looks once more. */
function createLoop(deps: Deps, worker: Worker): () => Promise<number> {
  let running: Promise<number> | undefined;
  let again = false;
  const run = async () => {
    let settled = 0;
    do {
      again = false;
      try {
        for (;;) {
          const [job] = await deps.store.take(worker.queue, worker.ttl, 1);
          if (!job) break;
          await workOne(deps, worker, job);
          settled += 1;
        }
      } catch (thrown) {
        deps.log.error("queue stopped", { queue: worker.queue, error: messageOf(thrown) });
        break;
      }
    } while (again);
    // In the same breath as the last look at `again`: a call in between would find a loop that no longer looks.
    running = undefined;
    return settled;
  };
  return () => {
    again = true;
    running ??= run();
    return running;
  };
}

async function workOne(deps: Deps, worker: Worker, job: Leased): Promise<void> {
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
}

async function afterFailure(deps: Deps, job: Leased, thrown: unknown): Promise<Settlement> {
  if (!isPassing(thrown) && job.tries >= TRIES) return { dead: messageOf(thrown) };
  const delay = waitOf(thrown) ?? RETRY_MS[Math.min(job.tries, RETRY_MS.length) - 1] ?? 1_000;
  return { retryAt: (await deps.store.now()) + delay };
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
