import type { Acting } from "./acting.ts";
import { endAttempt, type KeptAttempt } from "./attempt.ts";
import { noteOnCard } from "./card.ts";
import { claimOf, endClaim } from "./claims.ts";
import { commentOf, hasComment } from "./closing.ts";
import type { Task } from "./find.ts";
import { noteFinished } from "./history.ts";
import { askForReview } from "./review-record.ts";
import { say } from "./say.ts";

const IDS = { todo: "todo", in_progress: "start", blocked: "blocked", done: "done", cancelled: "cancelled" } as const;

/**
 * Everything that follows a change of status that Plane has: the comment, the word to the human, the card, the history,
 * the end of the claim. Each is done once, however often this is begun: comments by their ids, the rest by its record.
 */
export async function followUp(acting: Acting, task: Task, attempt: KeptAttempt): Promise<void> {
  const { deps, correlation } = acting;
  if (hasComment(attempt)) {
    const kind = attempt.review === undefined ? IDS[attempt.status] : "review";
    const html = await commentOf(attempt, deps.settings.done.review_below);
    await say(acting, task, `${kind}:${task.id}:${attempt.id}`, html);
  }
  if (attempt.review !== undefined) {
    await askForReview(deps, task, attempt, correlation);
    await noteOnCard(acting, task, { review: { at: attempt.at, confidence: attempt.review } });
  } else if (attempt.status === "done" && acting.caller.role !== "human") {
    await noteFinished(deps, task, attempt.agent);
    await noteOnCard(acting, task, { percent: 100 });
  }
  // Who waits, for an answer or for a review, holds nothing: else the claim would run out and the task go back to todo.
  if (attempt.status !== "in_progress") await giveBack(acting, task, attempt);
  await endAttempt(acting, attempt);
}

async function giveBack({ deps, caller, correlation }: Acting, task: Task, attempt: KeptAttempt): Promise<void> {
  const claim = await claimOf(deps, task.id);
  if (!claim) return;
  if (claim.agent !== attempt.agent) await endClaim(deps, claim, "moved", correlation);
  else if (String(claim.fence) === attempt.id || caller.role === "human")
    await endClaim(deps, claim, undefined, correlation);
}
