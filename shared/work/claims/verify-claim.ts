import type { GroundcrewError } from "../../errors.ts";
import type { Status } from "../../task/snapshot.ts";
import type { CallContext } from "../context/call-context.ts";
import { MIN_WRITE_MS } from "../context/work-keys.ts";
import type { Task } from "../tasks/find-task.ts";
import { getIdleMinutes } from "./claim-duration.ts";
import { renewClaim } from "./claim-lease.ts";
import { throwIfClaimLost } from "./claim-preconditions.ts";
import { createClaimHeldError, createClaimLostError } from "./claim-refusals.ts";
import { endClaim } from "./end-claim.ts";
import { findClaim, type KeptClaim } from "./find-claim.ts";

/**
 * Verifies right before a write to Plane that the claim is still valid, and renews it so that enough time is left.
 * `statuses`: the statuses the task may have after the write. Throws `conflict` with who holds the task now.
 */
export async function verifyClaim(
  context: CallContext,
  task: Task,
  claim: KeptClaim,
  statuses?: Status[],
): Promise<void> {
  const { deps } = context;
  for (;;) {
    const renewed = await renewClaim(deps, claim, statuses);
    if (!renewed) throw await createLossError(context, task, claim);
    // The process may have been suspended since the renewal.
    if (renewed.until - (await deps.store.now()) >= MIN_WRITE_MS) return;
  }
}

async function createLossError(context: CallContext, task: Task, claim: KeptClaim): Promise<GroundcrewError> {
  const { deps, caller, correlation } = context;
  await endClaim(deps, claim, "expired", correlation);
  await throwIfClaimLost(context, task);
  const current = await findClaim(deps, task.id);
  const { timezone } = deps.settings;
  if (current && current.agent !== caller.name) return createClaimHeldError(task, current.agent, current, timezone);
  const { until: at, since } = claim;
  return createClaimLostError(task, { why: "expired", at, since, minutes: getIdleMinutes(claim) }, timezone);
}
