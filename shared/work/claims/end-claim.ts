import { canBeWoken } from "../../config/settings-file.ts";
import { createClaimEndedJob, HANDOVER_MS } from "../../jobs/wake-jobs.ts";
import { createWorkJob } from "../../jobs/work-jobs.ts";
import { keepDefined } from "../../keep-defined.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { updateValue } from "../../store/update.ts";
import { DAY, type Ms } from "../../time.ts";
import type { WorkDeps } from "../context/call-context.ts";
import { workKeys } from "../context/work-keys.ts";
import { prepareTimerEnd } from "../time/timer-changes.ts";
import { getIdleMinutes } from "./claim-duration.ts";
import { isClaimHeld, toEndedClaimPut } from "./claim-lease.ts";
import type { KeptClaimLoss } from "./claim-refusals.ts";
import type { KeptClaim } from "./find-claim.ts";

type ClaimDeps = Pick<WorkDeps, "store" | "kick" | "settings" | "metrics">;

/** Retention of a lost claim: 7 days, within which the agent's next call about the task reports it. */
const LOSS_MS: Ms = 7 * DAY;

/**
 * Ends a claim, and its timer with it. What follows (an expired task returns to todo, the human is notified, the agent
 * is woken for its other tasks) are jobs in the same commit. `by` is the person who stopped the work. `reason` is
 * undefined when the agent itself is finished with the task. False when the claim is no longer the
 * current one or, for `expired`, was renewed in time.
 */
export async function endClaim(
  deps: ClaimDeps,
  claim: KeptClaim,
  reason: KeptClaimLoss["why"] | undefined,
  correlation: string,
  { by }: { by?: string } = {},
): Promise<boolean> {
  const { item, agent, fence, since } = claim;
  const key = workKeys.claim(item);
  return updateValue<KeptClaim, boolean>(deps, key, async (current) => {
    if (!current || current.fence !== fence) return { result: false };
    if (reason === "expired" && (await isClaimHeld(deps, claim))) return { result: false };
    const now = await deps.store.now();
    const at = Math.min(now, current.until);
    const idle = omitUndefined({ minutes: reason === "expired" ? getIdleMinutes(current) : undefined });
    const person = omitUndefined({ by });
    const time = await prepareTimerEnd(deps, current, at);
    const loss: KeptClaimLoss | undefined = reason && { why: reason, at, since, ...idle, ...person };
    return {
      expect: time.expect,
      put: keepDefined([
        ...time.put,
        { key, value: undefined },
        toEndedClaimPut(claim, fence),
        loss ? { key: workKeys.lost(agent, item), value: loss, expires: LOSS_MS } : undefined,
      ]),
      jobs: keepDefined([
        createWorkJob(`ended:${item}:${fence}`, `work:${item}`, {
          do: "ended",
          item,
          agent,
          fence,
          since,
          at,
          correlation,
          ...omitUndefined({ why: reason }),
          ...idle,
          ...person,
        }),
        canBeWoken(deps.settings, agent)
          ? createClaimEndedJob({ item, since, at }, claim, now + HANDOVER_MS)
          : undefined,
      ]),
      result: true,
      afterCommit: async () => {
        deps.metrics.count("groundcrew_claims_ended_total", { reason: reason ?? "finished" });
        await deps.store.release(key, fence);
        deps.kick();
      },
    };
  });
}
