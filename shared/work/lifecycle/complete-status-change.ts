import { updateCard } from "../card/card-record.ts";
import { endClaim } from "../claims/end-claim.ts";
import { findClaim } from "../claims/find-claim.ts";
import { postComment } from "../comments/post-comment.ts";
import type { CallContext } from "../context/call-context.ts";
import { isAgent } from "../context/caller.ts";
import type { Task } from "../tasks/find-task.ts";
import { recordFinishedTask } from "./record-finished-task.ts";
import { requestReview } from "./review-record.ts";
import { endStatusAttempt, type KeptStatusAttempt } from "./status-attempt.ts";
import { needsStatusComment, renderStatusComment } from "./status-comment.ts";

const COMMENT_IDS = {
  todo: "todo",
  in_progress: "start",
  blocked: "blocked",
  done: "done",
  cancelled: "cancelled",
} as const;

/**
 * Performs the effects of a change of status in Plane: the comment, the notification, the card, the history, the end of
 * the claim. Each happens once, also when this is repeated: comments by their external ids, the rest by its record.
 */
export async function completeStatusChange(
  context: CallContext,
  task: Task,
  attempt: KeptStatusAttempt,
): Promise<void> {
  const { deps, correlation } = context;
  if (needsStatusComment(attempt)) {
    const kind = attempt.review === undefined ? COMMENT_IDS[attempt.status] : "review";
    const html = await renderStatusComment(deps, attempt);
    await postComment(context, task, `${kind}:${task.id}:${attempt.id}`, html);
  }
  // A task that waits for an answer or a review has no holder: an expired claim would return it to todo. The claim ends
  // before the human is asked for a review, because an approval of a claimed task would take it away from its agent.
  if (attempt.status !== "in_progress") await releaseClaim(context, task, attempt);
  if (attempt.review !== undefined) {
    await requestReview(deps, task, attempt, correlation);
    await updateCard(context, task, { review: { at: attempt.at, confidence: attempt.review } });
  } else if (attempt.status === "done" && isAgent(context.caller)) {
    await recordFinishedTask(deps, task, attempt.agent);
    await updateCard(context, task, { percent: 100 });
  }
  await endStatusAttempt(context, attempt);
}

async function releaseClaim(
  { deps, caller, correlation }: CallContext,
  task: Task,
  attempt: KeptStatusAttempt,
): Promise<void> {
  const claim = await findClaim(deps, task.id);
  if (!claim) return;
  if (claim.agent !== attempt.agent) await endClaim(deps, claim, "moved", correlation);
  else if (String(claim.fence) === attempt.id || !isAgent(caller)) await endClaim(deps, claim, undefined, correlation);
}
