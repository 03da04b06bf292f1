import { MAX_CLAIM_MINUTES } from "../../config/settings-file.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import type { Put, Revision, StoreKey } from "../../store/port.ts";
import type { Status } from "../../task/snapshot.ts";
import { MINUTE, type Ms } from "../../time.ts";
import type { WorkDeps } from "../context/call-context.ts";
import { workKeys, workSets } from "../context/work-keys.ts";
import type { Task } from "../tasks/find-task.ts";
import { getClaimDuration, getTimeLeft } from "./claim-duration.ts";
import type { KeptClaim } from "./find-claim.ts";

type StoreDeps = Pick<WorkDeps, "store">;
type LeaseDeps = Pick<WorkDeps, "store" | "settings">;

/**
 * Retention of the mark that a claim has ended: 2 days, twice the longest `claim_minutes`, so that every lease under its
 * fencing number has expired by then, also one that was taken under another setting.
 */
const ENDED_CLAIM_MS: Ms = 2 * MAX_CLAIM_MINUTES * MINUTE;

/** The fencing number of a claim that has ended, although its lease may not have been released yet. */
interface KeptEndedClaim {
  agent: string;
  fence: number;
}

/** Reads the records of a task's claim, with the revisions that a commit based on them must expect. */
export async function readClaimState({ store }: StoreDeps, item: string) {
  const keys = [workKeys.claim(item), workKeys.over(item)] as const;
  const [[kept], [over]] = await Promise.all([store.read<KeptClaim>([keys[0]]), store.read<KeptEndedClaim>([keys[1]])]);
  const expect: [StoreKey, Revision][] = [
    [keys[0], kept?.rev ?? 0],
    [keys[1], over?.rev ?? 0],
  ];
  return { kept, over, expect };
}

/** Marks a fencing number as ended, although its lease may continue. */
export function toEndedClaimPut({ item, agent }: Pick<KeptClaim, "item" | "agent">, fence: number): Put {
  return { key: workKeys.over(item), value: { agent, fence } satisfies KeptEndedClaim, expires: ENDED_CLAIM_MS };
}

/**
 * Takes or renews the lease of a claim for the time that the settings give it. A claim with an end (`until`) never ends
 * earlier than that, so that a shorter setting does not take away time an agent was promised. The returned `renewed` is
 * the store time of the lease.
 */
export async function leaseClaim(
  { store, settings }: LeaseDeps,
  { item, agent, until, renewed }: Pick<KeptClaim, "item" | "agent"> & Partial<Pick<KeptClaim, "until" | "renewed">>,
) {
  const duration = getClaimDuration(settings);
  const current = until === undefined ? undefined : { until, ...omitUndefined({ renewed }) };
  const ttl = current === undefined ? duration : Math.max(duration, getTimeLeft(current, await store.now()));
  const lease = await store.lease(workKeys.claim(item), agent, ttl);
  return "fence" in lease ? { ...lease, renewed: lease.until - ttl } : lease;
}

/** Creates the record of a claim that begins with this lease. */
export function createClaim(
  { id, project, item }: Task,
  agent: string,
  { fence, until, renewed }: { fence: number; until: Ms; renewed: Ms },
): KeptClaim {
  const words = [item.snapshot.word];
  return { item: id, project: project.id, agent, fence, since: renewed, until, renewed, words };
}

export function toClaimPut(claim: KeptClaim) {
  return { key: workKeys.claim(claim.item), value: claim, sets: [workSets.claims, workSets.claimsOf(claim.agent)] };
}

/** Renews a claim for its full time; undefined when it is no longer valid. Never takes a new claim. */
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
    const lease = await leaseClaim(deps, kept.value);
    if (!("fence" in lease)) return undefined;
    if (lease.fence !== claim.fence) {
      // The lease expired just now, and this request took a new one, unless another call of this agent has taken it.
      const put = [toEndedClaimPut(claim, lease.fence)];
      const outcome = await deps.store.commit({ expect, fence: [key, lease.fence], put });
      if (outcome === "kept") await deps.store.release(key, lease.fence);
      return undefined;
    }
    const next: KeptClaim = {
      ...kept.value,
      until: lease.until,
      renewed: lease.renewed,
      ...omitUndefined({ words: statuses }),
    };
    const outcome = await deps.store.commit({
      expect,
      fence: [key, claim.fence],
      put: [toClaimPut(next)],
    });
    if (outcome === "kept") return next;
  }
}

/** Continues an expired claim under a new fencing number; false when another agent has taken the task. */
export async function reviveClaim(deps: LeaseDeps, claim: KeptClaim): Promise<boolean> {
  const key = workKeys.claim(claim.item);
  const { kept, expect } = await readClaimState(deps, claim.item);
  if (!kept || kept.value.fence !== claim.fence) return false;
  const lease = await leaseClaim(deps, kept.value);
  if (!("fence" in lease)) return false;
  const next: KeptClaim = { ...kept.value, ...lease };
  const outcome = await deps.store.commit({
    expect,
    fence: [key, lease.fence],
    put: [toClaimPut(next)],
  });
  return outcome === "kept";
}

/** Whether the lease still has the fencing number of this claim. */
export async function isClaimHeld(
  { store }: StoreDeps,
  { item, fence }: Pick<KeptClaim, "item" | "fence">,
): Promise<boolean> {
  return (await store.commit({ fence: [workKeys.claim(item), fence] })) === "kept";
}
