import { omitUndefined } from "../../omit-undefined.ts";
import type { Ms } from "../../time.ts";
import { type CheckedJob, checkMs, parseJobText } from "../engine.ts";
import {
  type DeadJob,
  type JobResult,
  type LeasedJob,
  mapQueues,
  type Queue,
  type QueueStats,
  type StoreStats,
} from "../port.ts";

interface WaitingJob {
  id: string;
  lane: string;
  text: string;
  at: Ms;
  tries: number;
  failures: number;
  /**
   * Undefined: not taken. It stays after the lease has expired, so that a late acknowledgement counts until the job is taken
   * again.
   */
  token: string | undefined;
  until: Ms;
}

interface MemoryJobsOptions {
  clock: () => Ms;
  next: () => number;
  remember: Ms;
}

export function createMemoryJobs({ clock, next, remember }: MemoryJobsOptions) {
  const queues = mapQueues(createQueue);

  /** Returns when the first job of a lane may be taken: its due time, or the end of its lease. */
  const getDueTime = (head: WaitingJob) => (head.token === undefined ? head.at : head.until);

  function append(queue: Queue, added: Pick<WaitingJob, "id" | "lane" | "text" | "at">) {
    const { waiting, lanes } = queues[queue];
    const job: WaitingJob = { ...added, tries: 0, failures: 0, token: undefined, until: 0 };
    waiting.set(job.id, job);
    const lane = lanes.get(job.lane);
    if (lane) lane.push(job);
    else lanes.set(job.lane, [job]);
  }

  function remove(queue: Queue, job: WaitingJob) {
    const { waiting, lanes } = queues[queue];
    waiting.delete(job.id);
    const lane = (lanes.get(job.lane) ?? []).filter((other) => other !== job);
    if (lane.length > 0) lanes.set(job.lane, lane);
    else lanes.delete(job.lane);
  }

  function removeExpiredDone({ done }: ReturnType<typeof createQueue>) {
    // The map is in the order of completion, so the first entry that has not expired ends the loop.
    for (const [id, forget] of done) {
      if (forget > clock()) return;
      done.delete(id);
    }
  }

  const findDueHeads = (queue: Queue) =>
    [...queues[queue].lanes.values()]
      .flatMap((lane) => lane.slice(0, 1))
      .filter((head) => getDueTime(head) <= clock())
      .sort((a, b) => getDueTime(a) - getDueTime(b));

  return {
    advanceRetries(queue: Queue, latest: Ms): number {
      const heads = [...queues[queue].lanes.values()].flatMap((lane) => lane.slice(0, 1));
      const late = heads.filter(({ at, tries, token }) => tries > 0 && token === undefined && at > latest);
      for (const job of late) job.at = latest;
      return late.length;
    },

    add(jobs: CheckedJob[]) {
      for (const { queue, id, lane, text, at = clock() } of jobs) {
        const { waiting, dead, done } = queues[queue];
        removeExpiredDone(queues[queue]);
        if (waiting.has(id) || dead.has(id) || done.has(id)) continue;
        append(queue, { id, lane, text, at });
      }
    },

    take(queue: Queue, ttl: Ms, max: number): LeasedJob[] {
      removeExpiredDone(queues[queue]);
      const until = clock() + ttl;
      return findDueHeads(queue)
        .slice(0, max)
        .map((job) => {
          const token = String(next());
          Object.assign(job, { token, until, tries: job.tries + 1 });
          const { id, lane, tries, failures } = job;
          return { id, queue, lane, body: parseJobText(job.text), tries, failures, until, token };
        });
    },

    acknowledge({ queue, id, token }: LeasedJob, jobResult: JobResult): boolean {
      const { waiting, dead, done } = queues[queue];
      const job = waiting.get(id);
      if (!job || job.token !== token) return false;
      if ("retryAt" in jobResult) {
        const failures = job.failures + (jobResult.failed ? 1 : 0);
        Object.assign(job, { token: undefined, at: checkMs("retryAt", jobResult.retryAt), failures });
        return true;
      }
      remove(queue, job);
      if ("dead" in jobResult) dead.set(id, { lane: job.lane, text: job.text, reason: jobResult.dead, at: clock() });
      else done.set(id, clock() + remember);
      return true;
    },

    dead: (queue: Queue, limit: number): DeadJob[] =>
      [...queues[queue].dead]
        .slice(0, limit)
        .map(([id, { lane, text, reason, at }]) => ({ id, queue, lane, body: parseJobText(text), reason, at })),

    replay(queue: Queue, id: string): boolean {
      const { dead } = queues[queue];
      const job = dead.get(id);
      if (!job) return false;
      dead.delete(id);
      append(queue, { id, lane: job.lane, text: job.text, at: clock() });
      return true;
    },

    discard(queue: Queue, id: string): boolean {
      const { dead, done } = queues[queue];
      if (!dead.delete(id)) return false;
      done.set(id, clock() + remember);
      return true;
    },

    stats(): StoreStats {
      const getQueueStats = (queue: Queue): QueueStats => {
        const { waiting, dead } = queues[queue];
        const [first] = findDueHeads(queue);
        return {
          pending: waiting.size,
          dead: dead.size,
          ...omitUndefined({ oldest: first ? getDueTime(first) : undefined }),
        };
      };
      return { queues: mapQueues(getQueueStats) };
    },
  };
}

function createQueue() {
  return {
    waiting: new Map<string, WaitingJob>(),
    lanes: new Map<string, WaitingJob[]>(),
    dead: new Map<string, { lane: string; text: string; reason: string; at: Ms }>(),
    /** Job id to the time when it is forgotten. */
    done: new Map<string, Ms>(),
  };
}
