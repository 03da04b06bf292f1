/**
 * Claiming a task: an agent takes the lease on a task when it starts it, if it may and if no one else holds the task.
 */

import { isInWork, prepareTimerStart } from "../accounting/timer.ts";
import { GroundcrewError } from "../errors.ts";
import { createWorkJob, toLabelsLane } from "../jobs/internal-jobs.ts";
import { type ClaimRecord, findClaim, readLiveClaims } from "../records/claim-record.ts";
import type { Task } from "../records/plane-records.ts";
import { observedKeys, workKeys } from "../records/store-keys.ts";
import { mergeUpdates, type ValueUpdate } from "../store/records.ts";
import { evaluateBlockers, readRelations } from "../sync/blockers.ts";
import { type ItemRecord, isBlocked, isInReview, isOpen } from "../task/snapshot.ts";
import { type Ms, SECOND } from "../time.ts";
import { requireOwner, toManagedPut } from "./access.ts";
import type { CallContext } from "./call-context.ts";
import {
  createClaim,
  createClaimHeldError,
  endClaim,
  formatStop,
  renewClaim,
  renewOwnClaim,
  STOP_ADVICE,
  throwIfClaimLost,
  toClaimPut,
} from "./claim-lease.ts";
import { findStoredTask, readOpenBlockers } from "./find-task.ts";
import { readHiddenTasks } from "./plan-record.ts";

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
export async function claimTask(context: CallContext, storedTask: Task): Promise<ClaimRecord> {
  const task = await requireClaimable(context, storedTask);
  const { status } = task.item.snapshot;
  if (!isOpen(status))
    throw new GroundcrewError("conflict", `${task.key} is ${status}. Closed tasks cannot be claimed.`);
  const [claim] = await readLiveClaims(context.deps, [task.id]);
  if (claim?.agent !== context.caller.name) await requireStartable(context, task);
  return takeClaim(context, task);
}

/**
 * Throws `forbidden` for a task of others and `conflict` for one in review; else returns it with its blockers known:
 * they are read from Plane, with one request, when the first look at its project has not come to them yet.
 */
async function requireClaimable(context: CallContext, task: Task): Promise<Task> {
  await requireOwner(context, task);
  requireNotInReview(task);
  if (!task.item.blockersUnknown) return task;
  const { deps, correlation, eitherPlane } = context;
  const source = { project: task.project, correlation, cause: correlation };
  await readRelations({ ...deps, plane: eitherPlane }, task.item, source);
  await evaluateBlockers(deps, task.id, correlation);
  return (await findStoredTask(deps, task.id)) ?? task;
}

/** Throws `stopped` for a task that a person stopped, and `conflict` for one that is blocked, with the keys and statuses of its open blockers. */
async function requireStartable(context: CallContext, task: Task): Promise<void> {
  requireNotStopped(context, task);
  await requireVisible(context, task);
  const { deps } = context;
  if (!isBlocked(task.item)) return;
  const blockers = await readOpenBlockers(deps, [task.item]);
  const names = task.item.blockers
    .flatMap((id) => blockers.get(id) ?? [])
    .map(({ key, status }) => `${key} (${status})`);
  const reason = names.length > 0 ? `waits for ${names.join(", ")}` : "is marked as blocked";
  throw new GroundcrewError("conflict", `${task.key} cannot be started: it ${reason}. Take another task.`);
}

function requireNotStopped({ deps }: CallContext, { key, item: { stopped } }: Task): void {
  if (!stopped) return;
  throw new GroundcrewError("stopped", `${formatStop(key, stopped, deps.settings.timezone)} ${STOP_ADVICE}`);
}

/** Throws `conflict` for a task whose plan is incomplete: what it depends on may not be known yet. */
async function requireVisible({ deps }: CallContext, { key, item }: Task): Promise<void> {
  if (!(await readHiddenTasks(deps))(item)) return;
  const advice = "It is listed by list_my_tasks as soon as the plan is complete. Take another task.";
  throw new GroundcrewError("conflict", `${key} belongs to a plan that is still being created. ${advice}`);
}

async function takeClaim({ deps, caller, correlation }: CallContext, task: Task): Promise<ClaimRecord> {
  const key = workKeys.claim(task.id);
  for (;;) {
    // The item is expected unchanged, because an observation that starts the work looks for the claim.
    const [[last], [item]] = await Promise.all([
      deps.store.read<ClaimRecord>([key]),
      deps.store.read<ItemRecord>([observedKeys.item(task.id)]),
    ]);
    // After the read, so that the claim does not begin before the end of the last one.
    const now = await deps.store.now();
    if (last && !last.value.end) {
      const renewed = last.value.agent === caller.name ? await renewClaim(deps, last.value) : undefined;
      if (renewed) return renewed;
      if (last.value.agent !== caller.name && last.value.until > now)
        throw createClaimHeldError(task, last.value, deps.settings.timezone);
      await endClaim(deps, last.value, "expired", correlation);
      continue;
    }
    if ((last?.value.guardedUntil ?? 0) > now)
      throw new GroundcrewError("conflict", `${task.key} is being returned to todo. Try again in 30 seconds.`);
    const claim = createClaim(deps.settings, task, caller.name, last?.value, now);
    const { item: id, fence } = claim;
    const mirror = { type: "mirror", item: id, correlation } as const;
    const card = { type: "card", item: id, correlation } as const;
    const update: ValueUpdate = {
      expect: [
        [key, last?.rev ?? 0],
        [observedKeys.item(id), item?.rev ?? 0],
      ],
      put: [toClaimPut(claim), toManagedPut(id)],
      jobs: [
        createWorkJob(`mirror:${id}:${fence}`, toLabelsLane(id), mirror, now + MIRROR_DELAY_MS),
        createWorkJob(`card:${id}:claim:${fence}`, `card:${id}`, card),
      ],
    };
    const time = item && isInWork(item.value) ? await prepareTimerStart(deps, task, claim) : {};
    if ((await deps.store.commit(mergeUpdates([update, time]))) !== "committed") continue;
    deps.log.info("task claimed", { correlation, item: task.key, agent: caller.name, fence });
    deps.notify();
    deps.notify({ queue: "work", after: MIRROR_DELAY_MS });
    return claim;
  }
}

/**
 * Renews the caller's claim, or takes it when no agent holds the task. Unlike `claimTask`, it is refused once when the
 * caller has lost the claim since its last call, so that no agent continues unaware. `waiting`: also claims a task with
 * open blockers.
 */
export async function ensureClaim(context: CallContext, storedTask: Task, { waiting: allowWaiting = false } = {}) {
  const { deps, caller, correlation } = context;
  await throwIfClaimLost(context, storedTask);
  const task = await requireClaimable(context, storedTask);
  requireNotStopped(context, task);
  const current = await findClaim(deps, task.id);
  if (current?.agent !== caller.name) {
    await requireVisible(context, task);
    if (!allowWaiting && task.item.blockers.length > 0) await requireStartable(context, task);
  } else {
    const renewed = await renewOwnClaim(context, task);
    if (renewed) return renewed;
    await endClaim(deps, current, "expired", correlation);
    await throwIfClaimLost(context, task);
  }
  return takeClaim(context, task);
}

/** Throws `conflict` for a task in review, which no agent may hold. */
export function requireNotInReview({ key, item }: Task): void {
  if (!isInReview(item)) return;
  const advice = "waits for a human's review. You are notified of the result. Take another task.";
  throw new GroundcrewError("conflict", `${key} ${advice}`);
}
