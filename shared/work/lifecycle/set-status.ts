import type { Status } from "../../task/snapshot.ts";
import { renewOwnClaim } from "../claims/claim-task.ts";
import { endClaim } from "../claims/end-claim.ts";
import { findClaim, readLiveClaims } from "../claims/find-claim.ts";
import { getIdempotencyKey, postComment, toCommentHtml } from "../comments/post-comment.ts";
import type { CallContext } from "../context/call-context.ts";
import { isAgent, isHuman } from "../context/caller.ts";
import { findKeptTask, type Task } from "../tasks/find-task.ts";
import { isInReview } from "../tasks/is-in-review.ts";
import { requireOwner } from "../tasks/require-owner.ts";
import { changeAsPlanner, toVerdict } from "./change-as-planner.ts";
import { changeOwnStatus } from "./change-own-status.ts";
import { isVerdictPending } from "./review-task.ts";
import { findStatusAttempt, type KeptStatusAttempt } from "./status-attempt.ts";
import type { StatusChange } from "./status-change.ts";
import { readStatusResult, type StatusResult } from "./status-result.ts";
import { updateReportedFields } from "./update-reported-fields.ts";

/** The statuses that the Concierge, as the planner, may set on tasks of other agents. */
const PLANNER_STATUSES: readonly Status[] = ["todo", "blocked", "cancelled"];

/**
 * Sets the status of a task and returns the resulting state. An agent changes its own tasks under its claim, which
 * starting a task takes; people change any task, and the Concierge those of others, without a claim. Setting the
 * current status makes no request to Plane except for the reported text. Repeating an interrupted call completes it.
 */
export async function setStatus(context: CallContext, task: Task, change: StatusChange): Promise<StatusResult> {
  const { deps, caller } = context;
  const asPlanner = !isAgent(caller) || mayPlan(context, task, change.status);
  if (!asPlanner) await requireOwner(context, task);
  const lastAttempt = await findStatusAttempt(deps, task.id);
  const interrupted =
    lastAttempt && !lastAttempt.over && lastAttempt.agent === caller.name && lastAttempt.status === change.status
      ? lastAttempt
      : undefined;
  if (!interrupted && (await isAlreadySet(context, task, change.status, asPlanner))) {
    await keepStatus(context, task, change, lastAttempt);
  } else if (asPlanner) await changeAsPlanner(context, task, change, interrupted);
  else await changeOwnStatus(context, task, change, { lastAttempt, interrupted });
  return readStatusResult(context, (await findKeptTask(deps, task.id)) ?? task);
}

function mayPlan({ caller }: CallContext, { item }: Task, status: Status): boolean {
  const isOwn = (item.owners ?? []).includes(caller.name);
  return caller.role === "concierge" && !isOwn && PLANNER_STATUSES.includes(status);
}

/** Whether the stored task has the status already. In progress also requires that the caller holds the task. */
async function isAlreadySet(
  context: CallContext,
  { id, item }: Task,
  status: Status,
  asPlanner: boolean,
): Promise<boolean> {
  const { deps, caller } = context;
  const { word } = item.snapshot;
  if (isInReview(item)) return status === "done" && !asPlanner;
  if (word !== status) return false;
  if (asPlanner) return !(await isVerdictPending(context, id, toVerdict(status)));
  if (word !== "in_progress") return true;
  const [claim] = await readLiveClaims(deps, [id]);
  return claim?.agent === caller.name;
}

/**
 * Handles a change that needs no write of the status. Returning a task that was claimed and never started releases the
 * claim. A text is written as a comment, unless the change that set this status has already written it.
 */
async function keepStatus(
  context: CallContext,
  task: Task,
  change: StatusChange,
  lastAttempt: KeptStatusAttempt | undefined,
): Promise<void> {
  const { deps, caller, correlation } = context;
  const { status, text = "" } = change;
  const claim = status === "todo" ? await findClaim(deps, task.id) : undefined;
  if (claim?.agent === caller.name) await endClaim(deps, claim, undefined, correlation);
  else await renewOwnClaim(context, task);
  // A finished task keeps the confidence with which it was finished, because a review was decided by that one.
  await updateReportedFields(context, task, status === "done" ? { ...change, confidence: undefined } : change);
  const isPosted = lastAttempt?.agent === caller.name && lastAttempt.status === status && lastAttempt.text === text;
  // A human's text about a review is already part of the comment on the verdict.
  if (text.trim() === "" || isPosted || isHuman(caller)) return;
  const idempotencyKey = await getIdempotencyKey(context, "status", task.id, status, text);
  await postComment(context, task, `status:${idempotencyKey}`, await toCommentHtml(text));
}
