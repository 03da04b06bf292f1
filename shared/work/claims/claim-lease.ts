import { omitUndefined } from "../../omit-undefined.ts";
import type { Put, Revision, StoreKey } from "../../store/port.ts";
import type { Status } from "../../task/snapshot.ts";
import type { Ms } from "../../time.ts";
import type { WorkDeps } from "../context/call-context.ts";
import { CLAIM_MS, workKeys, workSets } from "../context/work-keys.ts";
import type { Task } from "../tasks/find-task.ts";
import type { KeptClaim } from "./claims.ts";

type LeaseDeps = Pick<WorkDeps, "store">;

/** A number that is over for good: its lease may not have been given back yet. */
interface KeptEndedClaim {
  agent: string;
  fence: number;
}

/** What is kept of a task's claim. What is written by it expects both to be the same still. */
export async function readClaimState({ store }: LeaseDeps, item: string) {
  const keys = [workKeys.claim(item), workKeys.over(item)] as const;
  const [[kept], [over]] = await Promise.all([store.read<KeptClaim>([keys[0]]), store.read<KeptEndedClaim>([keys[1]])]);
  const expect: [StoreKey, Revision][] = [
    [keys[0], kept?.rev ?? 0],
    [keys[1], over?.rev ?? 0],
  ];
  return { kept, over, expect };
}

/** Ends a number for good; until every lease under it is over for sure. */
export function toEndedClaimPut({ item, agent }: Pick<KeptClaim, "item" | "agent">, fence: number): Put {
  return { key: workKeys.over(item), value: { agent, fence } satisfies KeptEndedClaim, expires: 2 * CLAIM_MS };
}

/** A claim that begins with this lease. */
export function createClaim(
  { id, project, item }: Task,
  agent: string,
  { fence, until }: { fence: number; until: Ms },
): KeptClaim {
  const since = until - CLAIM_MS;
  return { item: id, project: project.id, agent, fence, since, until, words: [item.snapshot.word] };
}

export function toClaimPut(claim: KeptClaim) {
  return { key: workKeys.claim(claim.item), value: claim, sets: [workSets.claims, workSets.claimsOf(claim.agent)] };
}

/** The claim with its whole time ahead again; undefined when it is no longer this one. Never takes it anew. */
export async function renewClaim(
  deps: LeaseDeps,
  claim: KeptClaim,
  statuses?: Status[],
): Promise<KeptClaim | undefined> {
  const key = workKeys.claim(claim.item);
  for (;;) {
    const { kept, expect } = await readClaimState(deps, claim.item);
    if (!kept || kept.value.fence !== claim.fence) return undefined;
    if (!(await isClaimHeld(deps, claim))) return undefined;
    const lease = await deps.store.lease(key, claim.agent, CLAIM_MS);
    if (!("fence" in lease)) return undefined;
    if (lease.fence !== claim.fence) {
      // It ran out in this very moment, and asking took it anew; unless another call of this agent has done so.
      const put = [toEndedClaimPut(claim, lease.fence)];
      const outcome = await deps.store.commit({ expect, fence: [key, lease.fence], put });
      if (outcome === "kept") await deps.store.release(key, lease.fence);
      return undefined;
    }
    const next: KeptClaim = { ...kept.value, until: lease.until, ...omitUndefined({ words: statuses }) };
    const outcome = await deps.store.commit({
      expect,
      fence: [key, claim.fence],
      put: [toClaimPut(next)],
    });
    if (outcome === "kept") return next;
  }
}

/** A claim whose time ran out goes on under a new number, unless somebody else has taken the task. */
export async function reviveClaim(deps: LeaseDeps, claim: KeptClaim): Promise<boolean> {
  const key = workKeys.claim(claim.item);
  const { kept, expect } = await readClaimState(deps, claim.item);
  if (!kept || kept.value.fence !== claim.fence) return false;
  const lease = await deps.store.lease(key, claim.agent, CLAIM_MS);
  if (!("fence" in lease)) return false;
  const next: KeptClaim = { ...kept.value, ...lease };
  const outcome = await deps.store.commit({
    expect,
    fence: [key, lease.fence],
    put: [toClaimPut(next)],
  });
  return outcome === "kept";
}

/** Whether the lease under a claim still is this claim's. */
export async function isClaimHeld({ store }: LeaseDeps, { item, fence }: KeptClaim): Promise<boolean> {
  return (await store.commit({ fence: [workKeys.claim(item), fence] })) === "kept";
}
