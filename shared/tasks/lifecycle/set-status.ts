/**
 * Sets the status of a task: an agent its own under its claim, people any, the Concierge those of others. Says which
 * changes are allowed, what must be done first, and what the state is afterwards.
 */

import { GroundcrewError } from "../../errors.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { PlaneNotFoundError } from "../../plane/errors.ts";
import { runProcedure } from "../../procedure/procedure.ts";
import { findClaim, readLiveClaims } from "../../records/claim-record.ts";
import { type CommentsRecord, isBlockedByDependency, type Task } from "../../records/plane-records.ts";
import { observedKeys } from "../../records/store-keys.ts";
import { findStatusAttempt, type StatusChangeRecord } from "../../records/task-records.ts";
import { evaluateBlockers, readRelations } from "../../sync/blockers.ts";
import { readComments } from "../../sync/comments.ts";
import { observeBlockedByText } from "../../sync/dependency-edges.ts";
import { isInReview, isOpen, type Status } from "../../task/snapshot.ts";
import { requireOwner } from "../access.ts";
import { type CallContext, isAgent, isHuman } from "../call-context.ts";
import { DEFAULT_CONFIDENCE, readCard } from "../card-record.ts";
import { endClaim, ensureClaim, renewOwnClaim, requireNotInReview, throwIfClaimLost } from "../claims.ts";
import { findStoredTask, formatOpenBlockers, readFreshTask, readOpenBlockers } from "../find-task.ts";
import { getIdempotencyKey, postComment, postStatusComment, toCommentHtml } from "../post-comment.ts";
import { findMissingCriteria, readDoneCriteria } from "./done-criteria.ts";
import {
  beginStatusChange,
  blockWhenRefused,
  failWrite,
  hasReachedStatus,
  isPermanentError,
  requireRemarksRead,
  STATUS_CHANGE,
  type StatusChange,
  toStatusChangeId,
  updateReportedFields,
} from "./status-change.ts";

/** A call that changes a status. */
interface StatusCall {
  change: StatusChange;
  /** The latest change of the task's status. */
  lastAttempt: StatusChangeRecord | undefined;
  /** The same, when it is this change and was interrupted. */
  interrupted: StatusChangeRecord | undefined;
}

/** The statuses that the Concierge, as the planner, may set on tasks of other agents. */
const PLANNER_STATUSES: readonly Status[] = ["todo", "blocked", "cancelled"];

/** The statuses to which an agent may change its task, by current status (OPENCLAW-04). */
const TRANSITIONS: Record<Status, readonly Status[]> = {
  todo: ["in_progress", "blocked", "cancelled"],
  in_progress: ["in_progress", "done", "blocked", "cancelled", "todo"],
  blocked: ["in_progress", "todo", "cancelled"],
  done: [],
  cancelled: [],
};

/**
 * Sets the status of a task and returns the resulting state. An agent changes its own tasks under its claim, which
 * starting a task takes; people change any task, and the Concierge those of others, without a claim. Setting the
 * current status makes no request to Plane except for the reported text. Repeating an interrupted call completes it.
 */
export async function setStatus(context: CallContext, task: Task, change: StatusChange) {
  const { deps, caller } = context;
  const { status } = change;
  const isOthers = caller.role === "concierge" && !task.item.owners?.includes(caller.name);
  const asPlanner = !isAgent(caller) || (isOthers && PLANNER_STATUSES.includes(status));
  if (!asPlanner) await requireOwner(context, task);
  const lastAttempt = await findStatusAttempt(deps, task.id);
  const isSame = lastAttempt?.input.agent === caller.name && lastAttempt.input.status === status;
  const interrupted = isSame && lastAttempt.step !== undefined ? lastAttempt : undefined;
  const call = { change, lastAttempt, interrupted };
  if (!interrupted && (await isAlreadySet(context, task, status, asPlanner)))
    await blockWhenRefused(context, task.id, "comment", () => keepStatus(context, task, call));
  else if (asPlanner) await changeAsPlanner(context, task, call);
  else await changeOwnStatus(context, task, call);
  return readStatusResult(context, (await findStoredTask(deps, task.id)) ?? task);
}

/** Whether the stored task has the status already. In progress also requires that the caller holds the task. */
async function isAlreadySet(context: CallContext, { id, item }: Task, status: Status, asPlanner: boolean) {
  if (isInReview(item)) return status === "done" && !asPlanner;
  if (item.snapshot.status !== status) return false;
  if (asPlanner || status !== "in_progress") return true;
  const [claim] = await readLiveClaims(context.deps, [id]);
  return claim?.agent === context.caller.name;
}

/**
 * Handles a change that needs no write of the status. Returning a task that was claimed and never started releases the
 * claim. A text is written as a comment, unless the change that set this status has already written it.
 */
async function keepStatus(context: CallContext, task: Task, { change, lastAttempt }: StatusCall): Promise<void> {
  const { deps, caller, correlation } = context;
  const { status, text = "" } = change;
  const claim = status === "todo" ? await findClaim(deps, task.id) : undefined;
  if (claim?.agent === caller.name) await endClaim(deps, claim, undefined, correlation);
  else await renewOwnClaim(context, task);
  // A finished task keeps the confidence with which it was finished, because a review was decided by that one.
  const reported = status === "done" ? { ...change, confidence: undefined } : change;
  await updateReportedFields({ context, task, change: reported });
  const last = lastAttempt?.input;
  const isPosted = last?.agent === caller.name && last.status === status && last.text === text;
  // A human's text about a review is already part of the comment on the verdict.
  if (text.trim() === "" || isPosted || isHuman(caller)) return;
  const idempotencyKey = await getIdempotencyKey(context, "status", task.id, status, text);
  await postComment(context, task, `status:${idempotencyKey}`, await toCommentHtml(text));
}

/** A change of another agent's task: needs no claim and ends the current one. */
async function changeAsPlanner(context: CallContext, task: Task, { change, interrupted }: StatusCall): Promise<void> {
  const freshTask = await readFreshTask(context, task);
  // It is judged as what was shown, by the answer to its request.
  const isEnd = change.status === "blocked" || change.status === "cancelled";
  if (isHuman(context.caller) && isInReview(freshTask.item) && !isEnd)
    throw new GroundcrewError("conflict", `${task.key} is in review. Approve it, or send it back.`, {
      refusal: { name: "inReview", values: { task: task.key } },
    });
  const attempt = interrupted ?? (await beginStatusChange(context, freshTask, change));
  await runProcedure(context.deps, STATUS_CHANGE, attempt, { context, task: freshTask, change, canWrite: true });
  // People have no pace to wait for.
  if (isHuman(context.caller)) await postStatusComment(context, freshTask);
}

/** An agent's change of its own task. A permanent refusal by Plane is reported and blocks the task (OPENCLAW-15). */
async function changeOwnStatus(context: CallContext, task: Task, call: StatusCall): Promise<void> {
  const { deps } = context;
  const { change, interrupted } = call;
  try {
    const current = await readCurrentTask(context, task, change.status);
    // The status has reached Plane: the rest needs no claim, which may have ended with the change.
    if (interrupted && change.status !== "in_progress" && hasReachedStatus(current.item, interrupted.input)) {
      await runProcedure(deps, STATUS_CHANGE, interrupted, { context, task: current, change, canWrite: false });
      return;
    }
    await throwIfClaimLost(context, current);
    await requireTransition(context, current, call);
    const claim = await ensureClaim(context, current, { waiting: true });
    if (change.status === "done") await requireRemarksRead(context, current);
    const completion = change.status === "done" ? await checkCompletion(context, current, change) : {};
    const unblocks = current.item.snapshot.status === "blocked" ? (true as const) : undefined;
    const details = { ...completion, ...omitUndefined({ failure: call.lastAttempt?.input.failure, unblocks }) };
    const id = toStatusChangeId(claim, change.status);
    const attempt = await beginStatusChange(context, current, change, id, details);
    await runProcedure(deps, STATUS_CHANGE, attempt, { context, task: current, change, claim, canWrite: true });
  } catch (thrown) {
    if (!isPermanentError(thrown)) throw thrown;
    throw await failWrite(context, task, "status", thrown, change.status);
  }
}

/**
 * Throws `conflict`, with what to do instead, when an agent may not change its task to this status: closed tasks stay
 * closed, work is started before it is finished, a task starts after its blockers are done, and an agent may unblock
 * only what it has blocked itself.
 */
async function requireTransition(context: CallContext, task: Task, call: StatusCall): Promise<void> {
  const { status } = task.item.snapshot;
  const { status: target } = call.change;
  const createRefusal = (why: string) => new GroundcrewError("conflict", `${task.key} ${why}`);
  if (!isOpen(status)) throw createRefusal(`is ${status}. Only people and the Concierge can reopen it, in Plane.`);
  requireNotInReview(task);
  if (!TRANSITIONS[status].includes(target)) {
    throw createRefusal(`is ${status}, so it cannot be set to ${target}. Set it to in_progress first.`);
  }
  if (target === "in_progress") {
    const openBlockerText = await formatOpenBlockers(context, task);
    if (openBlockerText !== "")
      throw createRefusal(`cannot be started: it waits for ${openBlockerText}. Take another task.`);
  }
  if (status === "blocked" && target !== "cancelled") await requireUnblockable(context, task, call);
}

async function requireUnblockable(context: CallContext, task: Task, { lastAttempt }: StatusCall): Promise<void> {
  const { deps, caller } = context;
  const createRefusal = (why: string) => new GroundcrewError("conflict", `${task.key} is blocked: ${why}`);
  if (await isBlockedByDependency(deps, task.id))
    throw createRefusal("a blocker was cancelled or blocked, and the Concierge decides. Take another task.");
  const last = lastAttempt?.input;
  const isUnblocking = last?.unblocks === true && lastAttempt?.step !== undefined;
  const isOwnBlock =
    last?.agent === caller.name && (last.status === "blocked" || last.failure !== undefined || isUnblocking);
  if (!isOwnBlock) throw createRefusal("somebody else blocked it and must unblock it. Ask with ask_human.");
}

/**
 * Throws `conflict` with all missing criteria; else returns whether a review is needed, and the task's own criteria.
 */
async function checkCompletion(context: CallContext, task: Task, change: StatusChange) {
  const { deps } = context;
  const criteria = await readDoneCriteria(deps, task);
  const missing = await findMissingCriteria(context, task, criteria, change);
  if (missing.length > 0)
    throw new GroundcrewError("conflict", `${task.key} is not done yet: ${missing.join("; ")}. It stays in progress.`);
  const confidence = change.confidence ?? (await readCard(deps, task.id))?.confidence ?? DEFAULT_CONFIDENCE;
  const needsReview = confidence < deps.settings.done.review_below;
  return omitUndefined({
    review: needsReview ? confidence : undefined,
    criteria: criteria.others.length > 0 ? criteria.others : undefined,
  });
}

/**
 * Reads the task and, at the same time, what the target status depends on: its relations, because Plane sends no
 * webhook for a new one (one request, none before v1.3), and for `done` its comments, because webhooks may have been
 * lost.
 */
async function readCurrentTask(context: CallContext, task: Task, target: Status): Promise<Task> {
  if (target !== "in_progress" && target !== "done") return readFreshTask(context, task);
  const { eitherPlane, correlation } = context;
  const deps = { ...context.deps, plane: eitherPlane };
  const source = { project: task.project, correlation, cause: correlation };
  const [stored] = await deps.store.read<CommentsRecord>([observedKeys.comments(task.id)]);
  // The last read was newer than every change of the item.
  const isRead = ({ item }: Task) => target !== "done" || stored?.value.readAt === item.snapshot.updatedAt;
  const [freshTask] = await Promise.all([
    readFreshTask(context, task),
    readRelations(deps, task.item, source).catch((thrown: unknown) => {
      // This version of Plane does not have the route, or the item was deleted, which its own read finds.
      if (!(thrown instanceof PlaneNotFoundError)) throw thrown;
    }),
    isRead(task) ? undefined : readComments(deps, task.item, source),
  ]);
  if (isRead(task) && !isRead(freshTask)) await readComments(deps, freshTask.item, source);
  await observeBlockedByText(deps, task.id, correlation);
  await evaluateBlockers(deps, task.id, correlation);
  return (await findStoredTask(deps, task.id)) ?? freshTask;
}

/** The stored state of a task for the caller: `heldUntil` (store time) only of its own claim, its blockers as keys. */
async function readStatusResult({ deps, caller }: CallContext, { id, key, item, url }: Task) {
  const [[claim], blockersById] = await Promise.all([readLiveClaims(deps, [id]), readOpenBlockers(deps, [item])]);
  const blockers = item.blockers.map((blocker) => blockersById.get(blocker)?.key ?? blocker);
  const heldUntil = claim?.agent === caller.name ? claim.until : undefined;
  return { key, status: item.snapshot.status, inReview: isInReview(item), heldUntil, blockers, url };
}
