import fc from "fast-check";
import { expect, test } from "vitest";
import { createMemoryStore } from "../../../../runtime/stores/sqlite-store.ts";
import { DEFAULT_CLAIM_MINUTES } from "../../../../shared/config/settings-file.ts";
import { type ClaimRecord, findClaim } from "../../../../shared/records/claim-record.ts";
import type { Store } from "../../../../shared/store/port.ts";
import { createCallContext } from "../../../../shared/tasks/call-context.ts";
import { claimTask, endClaim, ensureClaim, renewOwnClaim, verifyClaim } from "../../../../shared/tasks/claims.ts";
import { findStoredTask } from "../../../../shared/tasks/find-task.ts";
import { expireClaims } from "../../../../shared/tasks/lifecycle/claim-upkeep.ts";
import { HOUR, MINUTE } from "../../../../shared/time.ts";
import { createClaimDeps, storeTask, wrapClaimStore } from "./claim-deps.ts";

/** The default of `claim_minutes`. */
const CLAIM_MS = DEFAULT_CLAIM_MINUTES * MINUTE;

const RUNS = process.env["FULL"] === undefined ? 60 : 10_000;
const AGENTS = ["Imhotep", "Thot", "Shuri"];

/** One call of one agent; `dies`: its process is killed right before its n-th request to the store. */
interface Call {
  do: "claim" | "hold" | "renew" | "prove" | "end";
  agent: string;
  dies: number | undefined;
}
type Step = Call | { do: "pass"; ms: number } | { do: "tick" } | { do: "skew"; ms: number };

const agent = fc.constantFrom(...AGENTS);
const crashAt = fc.option(fc.integer({ min: 0, max: 12 }), { nil: undefined, freq: 4 });
const call = fc.record({ do: fc.constantFrom("claim", "hold", "renew", "prove", "end"), agent, dies: crashAt });
const waits = fc.constantFrom(0, 1, 30_000, CLAIM_MS - 1, CLAIM_MS, CLAIM_MS + 1, 2 * CLAIM_MS);
const pass = waits.map((ms): Step => ({ do: "pass", ms }));
const skew = fc.constantFrom(-HOUR, 0, HOUR).map((ms): Step => ({ do: "skew", ms }));
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: call as fc.Arbitrary<Call> },
  { weight: 4, arbitrary: pass },
  { weight: 1, arbitrary: fc.constant<Step>({ do: "tick" }) },
  { weight: 1, arbitrary: skew },
);

/**
 * The results of the calls, and what must follow from them. An agent whose claim succeeded may write for the 15 minutes
 * that follow, unless it returns the task before.
 */
function createClaimModel() {
  const fences = new Set<number>();
  let greatest = 0;
  let confirmedHolder: { agent: string; fence: number; at: number } | undefined;
  let unconfirmedAt = 0;
  return {
    holds({ agent, fence }: { agent: string; fence: number }, at: number) {
      const other = confirmedHolder?.agent === agent ? undefined : confirmedHolder;
      if (other) expect(at, `${agent} while ${other.agent} holds it`).toBeGreaterThanOrEqual(other.at + CLAIM_MS);
      if (!fences.has(fence)) expect(fence, "a new claim's number").toBeGreaterThan(greatest);
      else expect(fence, "a number that is over").toBe(greatest);
      fences.add(fence);
      greatest = Math.max(greatest, fence);
      confirmedHolder = { agent, fence, at };
    },
    /** The agent has returned the task, or a refusal has reported the lost claim. */
    over(fence: number) {
      if (confirmedHolder?.fence === fence) confirmedHolder = undefined;
      greatest = Math.max(greatest, fence);
    },
    /** An agent may hold the task without having received the result. */
    unsure(at: number) {
      unconfirmedAt = at;
    },
    /** Nobody can hold the task at this time. */
    isFree: (at: number) => at >= unconfirmedAt + CLAIM_MS && (!confirmedHolder || at >= confirmedHolder.at + CLAIM_MS),
    isHolder: (agent: string, fence: number, at: number) =>
      confirmedHolder?.agent === agent && confirmedHolder.fence === fence && at < confirmedHolder.at + CLAIM_MS,
  };
}

test(`REL-11 claims, renewals, expiries and crashes in any order never cause two holders or a repeated fencing number (${RUNS} runs)`, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const time = { now: Date.parse("2026-11-21T08:00:00Z"), skew: 0 };
      const store = createMemoryStore({ clock: () => time.now });
      await storeTask(store, "item", AGENTS);
      const deps = await createClaimDeps(store, () => time.now + time.skew);
      const model = createClaimModel();
      const claims = new Map<string, ClaimRecord>();

      async function work({ do: what, agent, dies }: Call) {
        const killed = { yes: false };
        const dying = { ...deps, store: crashAtCall(store, dies, killed) };
        const acting = createCallContext(dying, { name: agent, role: "worker" });
        const task = (await findStoredTask(deps, "item")) ?? expect.fail("the task is kept");
        const mine = claims.get(agent);
        const free = model.isFree(time.now);
        try {
          if (what === "claim" || what === "hold") {
            const claim = await (what === "claim" ? claimTask : ensureClaim)(acting, task);
            claims.set(agent, claim);
            model.holds(claim, time.now);
          }
          if (what === "renew") {
            await renewOwnClaim(acting, task);
            model.unsure(time.now);
          }
          if (what === "prove" && mine) {
            await verifyClaim(acting, task, mine);
            model.holds(mine, time.now);
          }
          if (what === "end" && mine && (await endClaim(acting.deps, mine, undefined, "test"))) model.over(mine.fence);
        } catch (thrown) {
          if (thrown instanceof Error && !("code" in thrown) && !killed.yes) throw thrown;
          if (killed.yes) {
            model.unsure(time.now);
            if (what === "end" && mine && (await findClaim({ store }, "item"))?.fence !== mine.fence)
              model.over(mine.fence);
            return;
          }
          if (what === "claim") expect(free, "refused although nobody can hold it").toBe(false);
          if (what === "prove" && mine)
            expect(model.isHolder(agent, mine.fence, time.now), "the holder is refused").toBe(false);
        }
      }

      for (const step of steps) {
        if (step.do === "pass") time.now += step.ms;
        else if (step.do === "skew") time.skew = step.ms;
        else if (step.do === "tick") {
          await expireClaims(deps, "tick");
          model.unsure(time.now);
        } else await work(step);
      }
    }),
    { numRuns: RUNS },
  );
}, 600_000);

/** A store whose user is killed right before the n-th request; later requests are never answered. */
function crashAtCall(store: Store, dies: number | undefined, killed: { yes: boolean }): Store {
  let callCount = 0;
  return wrapClaimStore(store, (act) => async (...args) => {
    if (callCount++ === dies) killed.yes = true;
    if (killed.yes) throw new Error("killed");
    return act(...args);
  });
}
