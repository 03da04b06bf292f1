import { GroundcrewError } from "../../errors.ts";
import { createWorkJob, toLabelsLane } from "../../jobs/work-jobs.ts";
import { observedKeys } from "../../observe/store-keys.ts";
import { isOpen } from "../../task/diff.ts";
import type { KeptItem } from "../../task/snapshot.ts";
import { type Ms, SECOND } from "../../time.ts";
import type { CallContext } from "../context/call-context.ts";
import { workKeys } from "../context/work-keys.ts";
import type { Task } from "../tasks/find-task.ts";
import { toManagedPut } from "../tasks/managed-tasks.ts";
import { readUnknownBlockers } from "../tasks/read-unknown-blockers.ts";
import { requireOwner } from "../tasks/require-owner.ts";
import { prepareTimerStart } from "../time/timer-changes.ts";
import { isInWork } from "../time/timer-state.ts";
import { createClaim, leaseClaim, readClaimState, renewClaim, reviveClaim, toClaimPut } from "./claim-lease.ts";
import {
  requireNotInReview,
  requireNotStopped,
  requireStartable,
  requireVisible,
  throwIfClaimLost,
} from "./claim-preconditions.ts";
import { createClaimHeldError } from "./claim-refusals.ts";
import { hasBeenDown } from "./downtime.ts";
import { endClaim } from "./end-claim.ts";
import { findClaim, type KeptClaim, readLiveClaims } from "./find-claim.ts";

/**
 * Delay after a claim before the labels of its task are synchronized: 15 s, longer than the call that claims may wait
 * for its turns at Plane, so that the lists of labels which both write do not overwrite each other.
 */
const MIRROR_DELAY_MS: Ms = 15 * SECOND;

/**
 * Takes or renews the claim of an open task that is assigned to the caller and not blocked. Throws `forbidden` when the
 * task belongs to another agent, `conflict` when another agent holds it (with who, since when and until when), when it
 * has open blockers, and when it is closed or in review.
 */
export async function claimTask(context: CallContext, storedTask: Task): Promise<KeptClaim> {
  const { deps, caller } = context;
  await requireOwner(context, storedTask);
  const task = await readUnknownBlockers(context, storedTask);
  if (!isOpen(task.item.snapshot.word))
    throw new GroundcrewError("conflict", `${task.key} is ${task.item.snapshot.word}. Closed tasks cannot be claimed.`);
  requireNotInReview(task);
  const [claim] = await readLiveClaims(deps, [task.id]);
  if (claim?.agent !== caller.name) await requireStartable(context, task);
  return takeClaim(context, task);
}

/**
 * Renews the caller's claim, or takes it when no agent holds the task. Unlike `claimTask`, it is refused once when the
 * caller has lost the claim since its last call, so that no agent continues unaware. `waiting`: also claims a task with
 * open blockers.
 */
export async function ensureClaim(
  context: CallContext,
  storedTask: Task,
  { waiting: allowWaiting = false } = {},
): Promise<KeptClaim> {
  const { deps, caller, correlation } = context;
  await throwIfClaimLost(context, storedTask);
  await requireOwner(context, storedTask);
  const task = await readUnknownBlockers(context, storedTask);
  requireNotStopped(context, task);
  requireNotInReview(task);
  const current = await findClaim(deps, task.id);
  const now = await deps.store.now();
  if (current?.agent === caller.name && current.until <= now) {
    // While Groundcrew was down no call could renew the claim, so the agent keeps it.
    if (!(await hasBeenDown(deps, now)) || !(await reviveClaim(deps, current))) {
      await endClaim(deps, current, "expired", correlation);
      await throwIfClaimLost(context, task);
    }
  }
  if (current?.agent !== caller.name) await requireVisible(context, task);
  if (current?.agent !== caller.name && !allowWaiting && task.item.blockers.length > 0)
    await requireStartable(context, task);
  return takeClaim(context, task);
}

/** Renews the caller's claim if it holds one, as every call about a task does. */
export async function renewOwnClaim({ deps, caller }: CallContext, task: Task): Promise<void> {
  const claim = await findClaim(deps, task.id);
  if (claim?.agent === caller.name) await renewClaim(deps, claim);
}

async function takeClaim({ deps, caller, correlation }: CallContext, task: Task): Promise<KeptClaim> {
  const key = workKeys.claim(task.id);
  for (;;) {
    const { kept: current, over: endedClaim, expect } = await readClaimState(deps, task.id);
    if (current?.value.agent === caller.name) {
      const renewed = await renewClaim(deps, current.value);
      if (renewed) return renewed;
    }
    const lease = await leaseClaim(deps, { item: task.id, agent: caller.name });
    if (!("fence" in lease)) {
      const wasReleased =
        endedClaim?.value.agent === lease.heldBy && (await deps.store.release(key, endedClaim.value.fence));
      if (wasReleased) continue;
      const since = current?.value.agent === lease.heldBy ? current.value.since : undefined;
      throw createClaimHeldError(task, lease.heldBy, { until: lease.until, since }, deps.settings.timezone);
    }
    if (lease.fence === endedClaim?.value.fence) {
      // A claim that has ended is not reused: the next one gets a new fencing number.
      await deps.store.release(key, lease.fence);
      continue;
    }
    if (current) {
      if (current.value.fence !== lease.fence) await endClaim(deps, current.value, "expired", correlation);
      continue;
    }
    const claim = createClaim(task, caller.name, lease);
    // The item is expected unchanged, because an observation that starts the work looks for the claim.
    const [item] = await deps.store.read<KeptItem>([observedKeys.item(task.id)]);
    const time = item && isInWork(item.value) ? await prepareTimerStart(deps, task, claim) : { expect: [], put: [] };
    const outcome = await deps.store.commit({
      expect: [...expect, [observedKeys.item(task.id), item?.rev ?? 0], ...time.expect],
      fence: [key, lease.fence],
      put: [
        ...time.put,
        toClaimPut(claim),
        toManagedPut(task.id),
        { key: workKeys.lost(caller.name, task.id), value: undefined },
      ],
      jobs: [
        createWorkJob(
          `mirror:${task.id}:${lease.fence}`,
          toLabelsLane(task.id),
          { do: "mirror", item: task.id, correlation },
          (await deps.store.now()) + MIRROR_DELAY_MS,
        ),
        createWorkJob(`card:${task.id}:claim:${lease.fence}`, `card:${task.id}`, {
          do: "card",
          item: task.id,
          agent: caller.name,
          correlation,
        }),
      ],
    });
    if (outcome !== "kept") continue;
    deps.log.info("task claimed", { correlation, item: task.key, agent: caller.name, fence: lease.fence });
    deps.kick();
    deps.kick({ queue: "work", after: MIRROR_DELAY_MS });
    return claim;
  }
}
