import { type CheckedJob, checkMs, parseJson } from "../checked.ts";
import {
  type DeadJob,
  eachQueue,
  type Leased,
  type Ms,
  type Queue,
  type QueueStats,
  type Settlement,
  type Stats,
} from "../port.ts";

interface Waiting {
  id: string;
  lane: string;
  text: string;
  at: Ms;
  tries: number;
  failures: number;
  /** Undefined: not taken. Kept after the lease ran out, so that a late settle counts while nobody else took it. */
  token: string | undefined;
  until: Ms;
}

interface Options {
  clock: () => Ms;
  next: () => number;
  remember: Ms;
}

export function memoryJobs({ clock, next, remember }: Options) {
  const queues = eachQueue(newQueue);

  /** When the head of a lane may be taken, so the lane. */
  const due = (head: Waiting) => (head.token === undefined ? head.at : head.until);

  function append(queue: Queue, added: Pick<Waiting, "id" | "lane" | "text" | "at">) {
    const { waiting, lanes } = queues[queue];
    const job: Waiting = { ...added, tries: 0, failures: 0, token: undefined, until: 0 };
    waiting.set(job.id, job);
    const lane = lanes.get(job.lane);
    if (lane) lane.push(job);
    else lanes.set(job.lane, [job]);
  }

  function remove(queue: Queue, job: Waiting) {
    const { waiting, lanes } = queues[queue];
    waiting.delete(job.id);
    const lane = (lanes.get(job.lane) ?? []).filter((other) => other !== job);
    if (lane.length > 0) lanes.set(job.lane, lane);
    else lanes.delete(job.lane);
  }

  function forgetDone({ done }: ReturnType<typeof newQueue>) {
    // In the order they were done, so the first that is still remembered ends it.
    for (const [id, forget] of done) {
      if (forget > clock()) return;
      done.delete(id);
    }
  }

  const dueHeads = (queue: Queue) =>
    [...queues[queue].lanes.values()]
      .flatMap((lane) => lane.slice(0, 1))
      .filter((head) => due(head) <= clock())
      .sort((a, b) => due(a) - due(b));

  return {
    add(jobs: CheckedJob[]) {
      for (const { queue, id, lane, text, at = clock() } of jobs) {
        const { waiting, dead, done } = queues[queue];
        forgetDone(queues[queue]);
        if (waiting.has(id) || dead.has(id) || done.has(id)) continue;
        append(queue, { id, lane, text, at });
      }
    },

    take(queue: Queue, ttl: Ms, max: number): Leased[] {
      forgetDone(queues[queue]);
      const until = clock() + ttl;
      return dueHeads(queue)
        .slice(0, max)
        .map((job) => {
          const token = String(next());
          Object.assign(job, { token, until, tries: job.tries + 1 });
          const { id, lane, tries, failures } = job;
          return { id, queue, lane, body: parseJson(job.text), tries, failures, until, token };
        });
    },

    settle({ queue, id, token }: Leased, how: Settlement): boolean {
      const { waiting, dead, done } = queues[queue];
      const job = waiting.get(id);
      if (!job || job.token !== token) return false;
      if ("retryAt" in how) {
        const failures = job.failures + (how.failed ? 1 : 0);
        Object.assign(job, { token: undefined, at: checkMs("retryAt", how.retryAt), failures });
        return true;
      }
      remove(queue, job);
      if ("dead" in how) dead.set(id, { lane: job.lane, text: job.text, reason: how.dead, at: clock() });
      else done.set(id, clock() + remember);
      return true;
    },

    dead: (queue: Queue, limit: number): DeadJob[] =>
      [...queues[queue].dead]
        .slice(0, limit)
        .map(([id, { lane, text, reason, at }]) => ({ id, queue, lane, body: parseJson(text), reason, at })),

    replay(queue: Queue, id: string): boolean {
      const { dead } = queues[queue];
      const job = dead.get(id);
      if (!job) return false;
      dead.delete(id);
      append(queue, { id, lane: job.lane, text: job.text, at: clock() });
      return true;
    },

    stats(): Stats {
      const of = (queue: Queue): QueueStats => {
        const { waiting, dead } = queues[queue];
        const [first] = dueHeads(queue);
        return { pending: waiting.size, dead: dead.size, ...(first && { oldest: due(first) }) };
      };
      return { queues: eachQueue(of) };
    },
  };
}

function newQueue() {
  return {
    waiting: new Map<string, Waiting>(),
    lanes: new Map<string, Waiting[]>(),
    dead: new Map<string, { lane: string; text: string; reason: string; at: Ms }>(),
    /** Job id → when it is forgotten. */
    done: new Map<string, Ms>(),
  };
}
