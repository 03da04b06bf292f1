import { GroundcrewError } from "../../errors.ts";
import { isBlocked } from "../../task/diff.ts";
import type { CallContext } from "../context/call-context.ts";
import { workKeys } from "../context/work-keys.ts";
import { readHiddenTasks } from "../plan-runs/hidden-tasks.ts";
import type { Task } from "../tasks/find-task.ts";
import { isInReview } from "../tasks/is-in-review.ts";
import { readOpenBlockers } from "../tasks/open-blockers.ts";
import { createClaimLostError, createStoppedError, type KeptClaimLoss } from "./claim-refusals.ts";

/** Throws once when the caller has lost its claim on the task and no call has reported that yet. */
export async function throwIfClaimLost({ deps, caller }: CallContext, task: Task): Promise<void> {
  const key = workKeys.lost(caller.name, task.id);
  const [loss] = await deps.store.read<KeptClaimLoss>([key]);
  if (!loss) return;
  await deps.store.commit({ expect: [[key, loss.rev]], put: [{ key, value: undefined }] });
  throw createClaimLostError(task, loss.value, deps.settings.timezone);
}

/** Throws `conflict` for a task in review, which no agent may hold. */
export function requireNotInReview({ key, item }: Task): void {
  if (!isInReview(item)) return;
  const advice = "waits for a human's review. You are notified of the result. Take another task.";
  throw new GroundcrewError("conflict", `${key} ${advice}`);
}

/** Throws `stopped` for a task that a person stopped. */
export function requireNotStopped({ deps }: Pick<CallContext, "deps">, task: Task): void {
  const { stopped } = task.item;
  if (stopped) throw createStoppedError(task, stopped, deps.settings.timezone);
}

/** Throws `stopped` for a task that a person stopped, and `conflict` for one that is blocked, with the keys and statuses of its open blockers. */
export async function requireStartable(context: CallContext, task: Task): Promise<void> {
  requireNotStopped(context, task);
  await requireVisible(context, task);
  const { deps } = context;
  if (!isBlocked(task.item)) return;
  const blockers = await readOpenBlockers(deps, [task.item]);
  const names = task.item.blockers
    .flatMap((id) => blockers.get(id) ?? [])
    .map(({ key, status: word }) => `${key} (${word})`);
  const reason = names.length > 0 ? `waits for ${names.join(", ")}` : "is marked as blocked";
  throw new GroundcrewError("conflict", `${task.key} cannot be started: it ${reason}. Take another task.`);
}

/** Throws `conflict` for a task whose plan is incomplete: what it depends on may not be known yet. */
export async function requireVisible({ deps }: CallContext, { key, item }: Task): Promise<void> {
  if (!(await readHiddenTasks(deps))(item)) return;
  const advice = "It is listed by list_my_tasks as soon as the plan is complete. Take another task.";
  throw new GroundcrewError("conflict", `${key} belongs to a plan that is still being created. ${advice}`);
}
