import { workKeys } from "../../../shared/work/context/work-keys.ts";
import type { KeptReview } from "../../../shared/work/lifecycle/review-record.ts";
import { readFreshTask, type Task } from "../../../shared/work/tasks/find-task.ts";
import { isInReview } from "../../../shared/work/tasks/is-in-review.ts";
import { type CommandContext, createCommandCallContext } from "../commands/command.ts";
import { hashReviewedTask } from "../live-messages/review-fingerprint.ts";

async function readReview({ deps }: CommandContext, { id }: Task): Promise<KeptReview | undefined> {
  return (await deps.store.read<KeptReview>([workKeys.review(id)]))[0]?.value;
}

/** The hash that binds a button to a review of a task, with the task as it is shown. */
export async function hashShownReview(context: CommandContext, task: Task): Promise<string> {
  return hashReviewedTask((await readReview(context, task))?.id ?? "", task.item.snapshot);
}

/**
 * Whether another review waits than the one that a button was bound to, or the task has changed since. A review that has
 * its verdict, or waits no more, has not changed: the verdict itself says so, and an interrupted one is resumed.
 */
export async function hasReviewChanged(context: CommandContext, task: Task, hash: string): Promise<boolean> {
  const review = await readReview(context, task);
  if (review?.verdict) return false;
  const present = await readFreshTask(createCommandCallContext(context), task);
  return isInReview(present.item) && hash !== (await hashReviewedTask(review?.id ?? "", present.item.snapshot));
}
