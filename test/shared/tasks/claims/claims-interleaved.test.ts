import fc from "fast-check";
import { expect, test } from "vitest";
import { createMemoryStore } from "../../../../runtime/stores/sqlite-store.ts";
import { DEFAULT_CLAIM_MINUTES } from "../../../../shared/config/settings-file.ts";
import { type ClaimRecord, findClaim } from "../../../../shared/records/claim-record.ts";
import type { Store } from "../../../../shared/store/port.ts";
import { createCallContext } from "../../../../shared/tasks/call-context.ts";
import { endClaim, verifyClaim } from "../../../../shared/tasks/claim-lease.ts";
import { claimTask, ensureClaim } from "../../../../shared/tasks/claims.ts";
import { findStoredTask } from "../../../../shared/tasks/find-task.ts";
import { expireClaims } from "../../../../shared/tasks/lifecycle/claim-upkeep.ts";
import { MINUTE } from "../../../../shared/time.ts";
import { createClaimDeps, storeTask, wrapClaimStore } from "./claim-deps.ts";

/** The default of `claim_minutes`. */
const CLAIM_MS = DEFAULT_CLAIM_MINUTES * MINUTE;

const RUNS = process.env["FULL"] === undefined ? 40 : 10_000;
const AGENTS = ["Imhotep", "Thot"];

/** One process: the calls it makes for one agent, one after the other. */
const bridgeCalls = fc.record({
  agent: fc.constantFrom(...AGENTS),
  calls: fc.array(fc.constantFrom("claim" as const, "hold" as const, "prove" as const, "end" as const), {
    minLength: 1,
    maxLength: 4,
  }),
});

/** A period for which the answer to an agent said that it holds the task. */
interface HeldPeriod {
  agent: string;
  fence: number;
  from: number;
  to: number;
}

test(`REL-11 processes that claim, write and release concurrently and are suspended at any point never cause two holders (${RUNS} runs)`, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(bridgeCalls, { minLength: 2, maxLength: 4 }),
      fc.array(fc.constantFrom(1, 60_000, CLAIM_MS - 1, CLAIM_MS), { maxLength: 4 }),
      fc.scheduler(),
      async (bridges, pauses, scheduler) => {
        const time = { now: Date.parse("2026-11-21T08:00:00Z") };
        const store = createMemoryStore({ clock: () => time.now });
        await storeTask(store, "item", AGENTS);
        const deps = { ...(await createClaimDeps(store, () => time.now)), store: scheduleStore(store, scheduler) };
        const task = (await findStoredTask({ ...deps, store }, "item")) ?? expect.fail("the task is kept");
        const heldPeriods: HeldPeriod[] = [];
        const fences = new Map<number, number>();

        async function live({ agent, calls }: { agent: string; calls: string[] }) {
          let mine: ClaimRecord | undefined;
          for (const what of calls) {
            const acting = createCallContext(deps, { name: agent, role: "worker" });
            try {
              if (what === "claim") mine = await claimTask(acting, task);
              if (what === "hold") mine = await ensureClaim(acting, task);
              if (what === "prove" && mine) {
                await verifyClaim(acting, task, mine);
                const stored = await findClaim({ store }, "item");
                if (stored?.fence === mine.fence) mine = stored;
              }
              if (what === "end" && mine) {
                const began = time.now;
                if (await endClaim(deps, mine, undefined, "test")) fences.set(mine.fence, began);
                mine = undefined;
              }
            } catch (thrown) {
              if (!(thrown instanceof Error) || !("code" in thrown)) throw thrown;
              if (what === "prove") mine = undefined;
            }
            if (mine) heldPeriods.push({ agent, fence: mine.fence, from: mine.until - CLAIM_MS, to: mine.until });
          }
        }
        const pass = async (ms: number) => {
          await scheduler.schedule(Promise.resolve());
          time.now += ms;
        };
        const all = [...bridges.map(live), expireClaims(deps, "tick"), ...pauses.map(pass)];
        await scheduler.waitFor(Promise.all(all));
        for (const one of heldPeriods) {
          const end = Math.min(one.to, fences.get(one.fence) ?? Number.POSITIVE_INFINITY);
          const later = heldPeriods.filter(({ fence, from }) => fence > one.fence && from < end);
          const same = heldPeriods.filter(({ fence, agent }) => fence === one.fence && agent !== one.agent);
          expect([later, same], `while ${one.agent} holds it`).toEqual([[], []]);
        }
      },
    ),
    { numRuns: RUNS },
  );
}, 600_000);

/** A store that lets another process or the clock advance between any two requests. */
function scheduleStore(store: Store, scheduler: fc.Scheduler): Store {
  function through<A extends unknown[], R>(act: (...args: A) => Promise<R>) {
    return (...args: A): Promise<R> => scheduler.schedule(Promise.resolve()).then(() => act(...args));
  }
  return wrapClaimStore(store, through);
}
