import { REVIEW_LABEL } from "../../observe/ownership.ts";
import type { Status } from "../../task/snapshot.ts";
import { moveToStatus } from "../changes/move-to-status.ts";
import type { CallContext } from "../context/call-context.ts";
import { isHuman } from "../context/caller.ts";
import { readFreshTask, type Task } from "../tasks/find-task.ts";
import { isInReview } from "../tasks/is-in-review.ts";
import { completeStatusChange } from "./complete-status-change.ts";
import { approveReview, isVerdictPending, sendBackReview } from "./review-task.ts";
import { beginStatusAttempt, type KeptStatusAttempt } from "./status-attempt.ts";
import { createStatusAttempt, type StatusChange } from "./status-change.ts";

/** A change of another agent's task: needs no claim and ends the current one. */
export async function changeAsPlanner(
  context: CallContext,
  task: Task,
  change: StatusChange,
  interrupted: KeptStatusAttempt | undefined,
): Promise<void> {
  const freshTask = await readFreshTask(context, task);
  const verdict = isHuman(context.caller) ? toVerdict(change.status) : undefined;
  if (verdict && (isInReview(freshTask.item) || (await isVerdictPending(context, task.id, verdict)))) {
    await (verdict === "approved"
      ? approveReview(context, freshTask)
      : sendBackReview(context, freshTask, change.text ?? ""));
    return;
  }
  const attempt =
    interrupted ?? (await beginStatusAttempt(context, await createStatusAttempt(context, freshTask, change)));
  const moved = await moveToStatus(context, freshTask, change.status, { labels: { drop: [REVIEW_LABEL] } });
  await completeStatusChange(context, moved, attempt);
}

/** The verdict that a human gives by setting the status of a task in review. */
export function toVerdict(status: Status): "approved" | "sent_back" | undefined {
  if (status === "done") return "approved";
  return status === "todo" || status === "in_progress" ? "sent_back" : undefined;
}
