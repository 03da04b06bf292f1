import fc from "fast-check";
import { expect } from "vitest";
import type { Ms } from "../../../../shared/time.ts";
import type { OpenedStore } from "../opened-store.ts";

const AGENTS = ["ann", "bob", "cy"] as const;
const TASKS = ["t1", "t2"] as const;
type Agent = (typeof AGENTS)[number];
type Task = (typeof TASKS)[number];

const agent = fc.constantFrom(...AGENTS);
const task = fc.constantFrom(...TASKS);
const ttl = fc.integer({ min: 1, max: 40 });

const pair = { agent, task };

/** Taking and renewing are one call; a write is a commit under the fencing token the agent remembers. */
const call = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("claim" as const), ...pair, ttl }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("write" as const), ...pair }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("release" as const, "crash" as const), ...pair }) },
);

/** Calls of one round are made at the same moment, without waiting for one another. */
export const claimHistory = fc.array(
  fc.record({
    wait: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 60 })),
    restart: fc.integer({ min: 0, max: 29 }).map((n) => n === 0),
    calls: fc.array(call, { minLength: 1, maxLength: 5 }),
  }),
  { minLength: 1, maxLength: 10 },
);

type Call = typeof call extends fc.Arbitrary<infer T> ? T : never;
type History = typeof claimHistory extends fc.Arbitrary<infer T> ? T : never;

interface Claim {
  owner: Agent;
  fence: number;
  until: Ms;
}

/** Plays a history against the store and, beside it, against the few lines that say what must come out. */
export async function playClaims(opened: OpenedStore, run: string, history: History) {
  const claims = new Map<Task, Claim>();
  const lastFence = new Map<Task, number>();
  const remembered = new Map<string, number>();
  const written = new Map<Task, string>();
  const toClaimKey = (what: Task) => `claim:${run}:${what}`;

  function step(one: Call): () => Promise<void> {
    const { store, time } = opened;
    const now = time.now;
    const claim = claims.get(one.task);
    const activeClaim = claim !== undefined && claim.until > now ? claim : undefined;
    const rememberedKey = `${one.agent}:${one.task}`;
    const fence = remembered.get(rememberedKey);
    const isCurrentFence = fence !== undefined && activeClaim?.fence === fence;

    switch (one.do) {
      case "crash":
        remembered.delete(rememberedKey);
        return async () => {};
      case "claim": {
        const answer = store.lease(toClaimKey(one.task), one.agent, one.ttl);
        if (activeClaim && activeClaim.owner !== one.agent) {
          return async () => expect(await answer).toEqual({ heldBy: activeClaim.owner, until: activeClaim.until });
        }
        const next = activeClaim ? activeClaim.fence : Math.max((lastFence.get(one.task) ?? 0) + 1, now);
        claims.set(one.task, { owner: one.agent, fence: next, until: now + one.ttl });
        lastFence.set(one.task, next);
        remembered.set(rememberedKey, next);
        return async () => expect(await answer).toEqual({ fence: next, until: now + one.ttl });
      }
      case "release": {
        if (fence === undefined) return async () => {};
        const answer = store.release(toClaimKey(one.task), fence);
        if (isCurrentFence) claims.delete(one.task);
        return async () => expect(await answer).toBe(isCurrentFence);
      }
      case "write": {
        if (fence === undefined) return async () => {};
        const value = `${one.agent} ${fence}`;
        const answer = store.commit({
          fence: [toClaimKey(one.task), fence],
          put: [{ key: `${run}:${one.task}`, value }],
        });
        if (isCurrentFence) written.set(one.task, value);
        return async () => expect(await answer).toBe(isCurrentFence ? "committed" : "fenced");
      }
    }
  }

  for (const { wait, restart, calls } of history) {
    opened.time.now += wait;
    if (restart) await opened.restart?.();
    const checks = calls.map(step);
    for (const check of checks) await check();
  }
  const items = await opened.store.read(TASKS.map((what) => `${run}:${what}`));
  expect(items.map((item) => item?.value)).toEqual(TASKS.map((what) => written.get(what)));
}
