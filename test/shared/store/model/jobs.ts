import fc from "fast-check";
import { expect } from "vitest";
import { omitUndefined } from "../../../../shared/omit-undefined.ts";
import type { JobResult, LeasedJob } from "../../../../shared/store/port.ts";
import type { Ms } from "../../../../shared/time.ts";
import type { OpenedStore } from "../opened-store.ts";

const LANES = ["l1", "l2", "l3"] as const;

const id = fc.integer({ min: 0, max: 11 }).map((n) => `j${n}`);
const delay = fc.integer({ min: -20, max: 40 });
const lane = fc.constantFrom(...LANES);
const ttl = fc.integer({ min: 1, max: 40 });
// Which of the leases ever handed out, the newest first: often one that was lost meanwhile.
const which = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 9 }));
const how = fc.constantFrom("done" as const, "done" as const, "retry" as const, "fail" as const, "dead" as const);

const added = fc.record({ do: fc.constant("add" as const), id, lane, delay: fc.option(delay, { nil: undefined }) });
const call = fc.oneof(
  { weight: 4, arbitrary: added },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("take" as const), ttl, max: fc.integer({ min: 0, max: 4 }) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("settle" as const), which, how, delay }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("replay" as const, "discard" as const), id }) },
);

/** A worker that crashes is one that never settles: its lease runs out, or is void when the whole process restarts. */
export const jobHistory = fc.array(
  fc.record({
    wait: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 50 })),
    restart: fc.integer({ min: 0, max: 29 }).map((n) => n === 0),
    calls: fc.array(call, { minLength: 1, maxLength: 5 }),
  }),
  { minLength: 1, maxLength: 12 },
);

function toSettlement(how: "done" | "retry" | "fail" | "dead", retryAt: Ms): JobResult {
  if (how === "done") return { done: true };
  return how === "dead" ? { dead: "no" } : { retryAt, failed: how === "fail" };
}

type Call = typeof call extends fc.Arbitrary<infer T> ? T : never;
type History = typeof jobHistory extends fc.Arbitrary<infer T> ? T : never;

interface Waiting {
  id: string;
  lane: string;
  at: Ms;
  tries: number;
  failures: number;
  lease?: { token: string; until: Ms } | undefined;
}

/**
 * Plays a history against the store and beside it against plain lists; in the end everything added is accounted for.
 * @param voidsLeases true where a restart makes the leases of taken jobs void
 */
export async function playJobs(opened: OpenedStore, history: History, voidsLeases: boolean) {
  let lanes = new Map<string, Waiting[]>(LANES.map((lane) => [lane, []]));
  const dead = new Map<string, string>();
  const seen = new Set<string>();
  const done = new Set<string>();
  const leases: LeasedJob[] = [];
  const getDueTime = (head: Waiting) => head.lease?.until ?? head.at;

  async function take(ttl: Ms, max: number) {
    const now = opened.time.now;
    const taken = await opened.store.take("outbox", ttl, max);
    const heads = [...lanes.values()].flatMap((lane) => lane.slice(0, 1)).filter((head) => getDueTime(head) <= now);
    expect(taken).toHaveLength(Math.min(max, heads.length));
    const dueTimes = heads.map(getDueTime).sort((a, b) => a - b);
    expect(taken.map((one) => getDueTime(getLaneHead(one)))).toEqual(dueTimes.slice(0, max));
    for (const one of taken) {
      const head = getLaneHead(one);
      head.tries += 1;
      head.lease = { token: one.token, until: now + ttl };
      const { tries, failures } = head;
      expect(one).toEqual({ ...one, queue: "outbox", body: { id: one.id }, tries, failures, until: now + ttl });
      leases.unshift(one);
    }
    return taken;
  }

  /** The model's job, which must be the first of its lane. */
  function getLaneHead({ id, lane }: { id: string; lane: string }): Waiting {
    const head = lanes.get(lane)?.[0];
    if (head?.id !== id) throw new Error(`${id} was taken, but the first of ${lane} is ${head?.id}`);
    return head;
  }

  async function settle(one: LeasedJob, how: JobResult) {
    const head = lanes.get(one.lane)?.[0];
    const isCurrentLease = head?.id === one.id && head.lease?.token === one.token;
    expect(await opened.store.acknowledge(one, how)).toBe(isCurrentLease);
    if (!isCurrentLease || !head) return;
    head.lease = undefined;
    if ("retryAt" in how) {
      head.at = how.retryAt;
      if (how.failed) head.failures += 1;
      return;
    }
    lanes.get(one.lane)?.shift();
    if ("dead" in how) dead.set(one.id, one.lane);
    else done.add(one.id);
  }

  async function play(one: Call) {
    const now = opened.time.now;
    if (one.do === "take") return void (await take(one.ttl, one.max));
    if (one.do === "settle") {
      const lease = leases[one.which];
      if (lease) await settle(lease, toSettlement(one.how, now + one.delay));
      return;
    }
    const { id } = one;
    if (one.do === "add") {
      const at = one.delay === undefined ? undefined : now + one.delay;
      const job = { id, queue: "outbox" as const, lane: one.lane, body: { id }, ...omitUndefined({ at }) };
      expect(await opened.store.commit({ jobs: [job] })).toBe("committed");
      if (!seen.has(id)) lanes.get(one.lane)?.push({ id, lane: one.lane, at: at ?? now, tries: 0, failures: 0 });
      seen.add(id);
      return;
    }
    const lane = dead.get(id);
    expect(await opened.store[one.do]("outbox", id)).toBe(dead.delete(id));
    if (lane === undefined) return;
    if (one.do === "discard") done.add(id);
    else lanes.get(lane)?.push({ id, lane, at: now, tries: 0, failures: 0 });
  }

  for (const { wait, restart, calls } of history) {
    opened.time.now += wait;
    if (restart && opened.restart) {
      await opened.restart();
      if (voidsLeases) {
        lanes = new Map([...lanes].map(([lane, jobs]) => [lane, jobs.map((one) => ({ ...one, lease: undefined }))]));
      }
    }
    for (const one of calls) await play(one);
    const waiting = [...lanes.values()].flat();
    const due = [...lanes.values()].flatMap((lane) => lane.slice(0, 1).map(getDueTime));
    const oldest = due.filter((at) => at <= opened.time.now).sort((a, b) => a - b)[0];
    const stats = { pending: waiting.length, dead: dead.size, ...omitUndefined({ oldest }) };
    expect((await opened.store.stats()).queues.outbox).toEqual(stats);
    expect((await opened.store.listDeadJobs("outbox")).map(({ id }) => id).sort()).toEqual([...dead.keys()].sort());
  }

  // All takers have crashed; the next one finds all remaining jobs, each lane in its order.
  opened.time.now += 100;
  for (let left = [...lanes.values()].flat().length; left > 0; left--) {
    const [one = expect.fail(`${left} jobs are lost`)] = await take(10, 1);
    await settle(one, { done: true });
  }
  for (const id of dead.keys()) {
    expect(await opened.store.replay("outbox", id)).toBe(true);
    const [one = expect.fail(`${id} is lost`)] = await opened.store.take("outbox", 10, 9);
    expect(one.id).toBe(id);
    expect(await opened.store.acknowledge(one, { done: true })).toBe(true);
    done.add(id);
  }
  expect([...done].sort()).toEqual([...seen].sort());
  expect(await opened.store.take("outbox", 10, 9)).toEqual([]);
}
