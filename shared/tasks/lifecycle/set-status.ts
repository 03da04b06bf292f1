/**
 * Sets the status of a task: an agent its own under its claim, people any, the Concierge those of others. Says which
 * changes are allowed, what must be done first, how a change is completed (comment, end of the claim, review, history),
 * also by a job when it was interrupted, and what the state is afterwards.
 */

import type { TaskDeps } from "../../app/deps.ts";
import { GroundcrewError } from "../../errors.ts";
import { formatTemplate, localizeNumber } from "../../i18n/localize.ts";
import { getTexts } from "../../i18n/texts.ts";
import { escapeHtml } from "../../markdown/plain-text.ts";
import { toHtml } from "../../markdown/to-html.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { PlaneNotFoundError } from "../../plane/errors.ts";
import type { Task } from "../../records/plane-records.ts";
import { observedKeys } from "../../records/store-keys.ts";
import { findClaim, findStatusAttempt, readLiveClaims, type StatusChangeRecord } from "../../records/task-records.ts";
import { evaluateBlockers, readRelations } from "../../sync/blockers.ts";
import { observeBlockedByText } from "../../sync/dependency-edges.ts";
import { REVIEW_LABEL } from "../../sync/event-facts.ts";
import { isInReview, isOpen, type Status } from "../../task/snapshot.ts";
import { requireOwner } from "../access.ts";
import { type CallContext, createCallContext, isAgent, isHuman } from "../call-context.ts";
import { readCard, updateCard } from "../card-record.ts";
import { moveToStatus } from "../change-task.ts";
import { endClaim, getClaimDuration, renewOwnClaim, throwIfClaimLost, verifyClaim } from "../claim-lease.ts";
import { ensureClaim, requireNotInReview } from "../claims.ts";
import { getIdempotencyKey, postComment, toCommentHtml } from "../comments.ts";
import type { DependencyBlockRecord } from "../dependency-blocks.ts";
import { findStoredTask, formatOpenBlockers, readFreshTask, readOpenBlockers } from "../find-task.ts";
import { recordFinishedTask } from "../forecast.ts";
import { findMissingCriteria, readDoneCriteria } from "./done-criteria.ts";
import { approveReview, isVerdictPending, requestReview, sendBackReview } from "./reviews.ts";
import {
  beginStatusAttempt,
  blockWhenRefused,
  CALL_TIMEOUT_MS,
  endStatusAttempt,
  failWrite,
  hasReachedStatus,
  isPermanentError,
  type StatusChange,
} from "./status-attempts.ts";

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

/** The confidence when none was reported (OPENCLAW-12). */
const DEFAULT_CONFIDENCE = 0.8;

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
  const asPlanner = !isAgent(caller) || mayPlan(context, task, status);
  if (!asPlanner) await requireOwner(context, task);
  const lastAttempt = await findStatusAttempt(deps, task.id);
  const isSame = lastAttempt?.agent === caller.name && lastAttempt.status === status;
  const interrupted = isSame && !lastAttempt.isComplete ? lastAttempt : undefined;
  const call = { change, lastAttempt, interrupted };
  if (!interrupted && (await isAlreadySet(context, task, status, asPlanner)))
    await blockWhenRefused(context, task.id, "comment", () => keepStatus(context, task, call));
  else if (asPlanner) await changeAsPlanner(context, task, call);
  else await changeOwnStatus(context, task, call);
  return readStatusResult(context, (await findStoredTask(deps, task.id)) ?? task);
}

function mayPlan({ caller }: CallContext, { item }: Task, status: Status): boolean {
  const isOwn = (item.owners ?? []).includes(caller.name);
  return caller.role === "concierge" && !isOwn && PLANNER_STATUSES.includes(status);
}

/** Whether the stored task has the status already. In progress also requires that the caller holds the task. */
async function isAlreadySet(context: CallContext, { id, item }: Task, status: Status, asPlanner: boolean) {
  if (isInReview(item)) return status === "done" && !asPlanner;
  if (item.snapshot.status !== status) return false;
  if (asPlanner) return !(await isVerdictPending(context, id, toVerdict(status)));
  if (status !== "in_progress") return true;
  const [claim] = await readLiveClaims(context.deps, [id]);
  return claim?.agent === context.caller.name;
}

/** The verdict that a human gives by setting the status of a task in review. */
function toVerdict(status: Status): "approved" | "sent_back" | undefined {
  if (status === "done") return "approved";
  return status === "todo" || status === "in_progress" ? "sent_back" : undefined;
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
  await updateReportedFields(context, task, status === "done" ? { ...change, confidence: undefined } : change);
  const isPosted = lastAttempt?.agent === caller.name && lastAttempt.status === status && lastAttempt.text === text;
  // A human's text about a review is already part of the comment on the verdict.
  if (text.trim() === "" || isPosted || isHuman(caller)) return;
  const idempotencyKey = await getIdempotencyKey(context, "status", task.id, status, text);
  await postComment(context, task, `status:${idempotencyKey}`, await toCommentHtml(text));
}

/** Updates the agent card with what an agent reports along with a change. People have no card. */
async function updateReportedFields(context: CallContext, task: Task, change: StatusChange): Promise<void> {
  const { session, cost, confidence, commit, tests } = change;
  const texts = { session: session || undefined, commit: commit || undefined, tests: tests || undefined };
  const fields = omitUndefined({ ...texts, cost, confidence });
  if (isAgent(context.caller) && Object.keys(fields).length > 0) await updateCard(context, task, fields);
}

/** A change of another agent's task: needs no claim and ends the current one. */
async function changeAsPlanner(context: CallContext, task: Task, { change, interrupted }: StatusCall): Promise<void> {
  const freshTask = await readFreshTask(context, task);
  const verdict = isHuman(context.caller) ? toVerdict(change.status) : undefined;
  if (verdict && (isInReview(freshTask.item) || (await isVerdictPending(context, task.id, verdict)))) {
    await (verdict === "approved"
      ? approveReview(context, freshTask)
      : sendBackReview(context, freshTask, change.text ?? ""));
    return;
  }
  const attempt = interrupted ?? (await beginStatusAttempt(context, freshTask, change));
  const moved = await moveToStatus(context, freshTask, change.status, { labels: { drop: [REVIEW_LABEL] } });
  await completeStatusChange(context, moved, attempt);
}

/** An agent's change of its own task. A permanent refusal by Plane is reported and blocks the task (OPENCLAW-15). */
async function changeOwnStatus(context: CallContext, task: Task, call: StatusCall): Promise<void> {
  const { change, interrupted } = call;
  try {
    const freshTask = await readFreshTask(context, task);
    // The status has reached Plane: the rest needs no claim, which may have ended with the change.
    const isDone = interrupted && change.status !== "in_progress" && hasReachedStatus(freshTask.item, interrupted);
    const attempt = isDone
      ? interrupted
      : await writeStatus(context, await refreshBlockers(context, freshTask, change.status), call);
    const current = (await findStoredTask(context.deps, task.id)) ?? freshTask;
    await updateReportedFields(context, current, change);
    await completeStatusChange(context, current, attempt);
  } catch (thrown) {
    if (!isPermanentError(thrown)) throw thrown;
    throw await failWrite(context, task, { status: change.status }, thrown);
  }
}

async function writeStatus(context: CallContext, task: Task, call: StatusCall): Promise<StatusChangeRecord> {
  const { deps } = context;
  const { change, lastAttempt } = call;
  await throwIfClaimLost(context, task);
  await requireTransition(context, task, call);
  const claim = await ensureClaim(context, task, { waiting: true });
  const completion = change.status === "done" ? await checkCompletion(context, task, change) : {};
  const attempt = await beginStatusAttempt(context, task, change, {
    ...completion,
    ...omitUndefined({
      failure: lastAttempt?.failure,
      unblocks: task.item.snapshot.status === "blocked" ? (true as const) : undefined,
    }),
    id: String(claim.fence),
  });
  // Keeps the claims tick from treating the following change as one by another user.
  await verifyClaim(context, task, claim, [task.item.snapshot.status, change.status]);
  // Before the write, because the message about a completed task shows its cost.
  await updateReportedFields(context, task, change);
  const inReview = attempt.review !== undefined;
  const labels = inReview ? { add: [REVIEW_LABEL] } : {};
  await moveToStatus(context, task, inReview ? "in_progress" : change.status, { labels, claim });
  // From now on, a task that is back in its previous status was moved by another user.
  if (change.status === "in_progress") await verifyClaim(context, task, claim, ["in_progress"]);
  deps.log.info("status set", { correlation: context.correlation, item: task.key, status: change.status });
  return attempt;
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
  const [block] = await deps.store.read<DependencyBlockRecord>([observedKeys.dependencyBlock(task.id)]);
  if (block && (block.value.phase === "blocking" || block.value.phase === "blocked"))
    throw createRefusal("a blocker was cancelled or blocked, and the Concierge decides. Take another task.");
  const isUnblocking = lastAttempt?.unblocks === true && !lastAttempt.isComplete;
  const isOwnBlock =
    lastAttempt?.agent === caller.name &&
    (lastAttempt.status === "blocked" || lastAttempt.failure !== undefined || isUnblocking);
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
 * Returns the task with its current blockers when the target status depends on them: Plane sends no webhook for a new
 * relation, and the relations of a new workspace are read one after the other. One request with Groundcrew's own key,
 * none before v1.3.
 */
async function refreshBlockers(context: CallContext, task: Task, target: Status): Promise<Task> {
  if (target !== "in_progress" && target !== "done") return task;
  const { systemPlane, correlation } = context;
  const deps = { ...context.deps, plane: systemPlane };
  const source = { project: task.project, correlation, cause: correlation };
  await readRelations(deps, task.item, source).catch((thrown: unknown) => {
    // The item existed a moment ago, so this version of Plane does not have the route.
    if (!(thrown instanceof PlaneNotFoundError)) throw thrown;
  });
  await observeBlockedByText(deps, task.id, correlation);
  await evaluateBlockers(deps, task.id, correlation);
  return (await findStoredTask(deps, task.id)) ?? task;
}

/** The stored state of a task for the caller: `heldUntil` (store time) only of its own claim, its blockers as keys. */
async function readStatusResult({ deps, caller }: CallContext, { id, key, item, url }: Task) {
  const [[claim], blockersById] = await Promise.all([readLiveClaims(deps, [id]), readOpenBlockers(deps, [item])]);
  const blockers = item.blockers.map((blocker) => blockersById.get(blocker)?.key ?? blocker);
  const heldUntil = claim?.agent === caller.name ? claim.until : undefined;
  return { key, status: item.snapshot.status, inReview: isInReview(item), heldUntil, blockers, url };
}

/**
 * Performs the effects of a change of status in Plane: the comment, the notification, the card, the history, the end of
 * the claim. Each happens once, also when this is repeated: comments by their external ids, the rest by its record.
 */
async function completeStatusChange(context: CallContext, task: Task, attempt: StatusChangeRecord): Promise<void> {
  const { deps, correlation } = context;
  if (needsStatusComment(attempt)) {
    const kind = attempt.review === undefined ? attempt.status : "review";
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

/** Starting and finishing always get a comment; other changes only with a text of the agent. */
function needsStatusComment({ status, text }: StatusChangeRecord): boolean {
  return status === "in_progress" || status === "done" || Boolean(text?.trim());
}

/**
 * Renders the comment for a change of status, as HTML: the agent's summary, and the commit and tests it reported.
 */
async function renderStatusComment({ settings }: TaskDeps, attempt: StatusChangeRecord): Promise<string> {
  const { comments } = getTexts(settings.locale);
  const { status, text = "", commit, tests, review, criteria: requirements = [] } = attempt;
  const title =
    review === undefined
      ? `<strong>${comments.statuses[status]}</strong>`
      : formatTemplate(comments.review, {
          confidence: localizeNumber(comments.locale, review),
          threshold: localizeNumber(comments.locale, settings.done.review_below),
        });
  return [
    `<p>${title}</p>`,
    text.trim() === "" ? "" : await toHtml(text),
    commit ? `<p>${formatTemplate(comments.commit, { commit: `<code>${escapeHtml(commit)}</code>` })}</p>` : "",
    tests ? `<p>${formatTemplate(comments.tests, { tests: escapeHtml(tests) })}</p>` : "",
    requirements.length > 0
      ? `<p>${comments.criteria}</p><ul>${requirements.map((one) => `<li>${escapeHtml(one)}</li>`).join("")}</ul>`
      : "",
  ].join("");
}

async function releaseClaim(context: CallContext, task: Task, attempt: StatusChangeRecord): Promise<void> {
  const { deps, caller, correlation } = context;
  const claim = await findClaim(deps, task.id);
  if (!claim) return;
  if (claim.agent !== attempt.agent) await endClaim(deps, claim, "moved", correlation);
  else if (String(claim.fence) === attempt.id || !isAgent(caller)) await endClaim(deps, claim, undefined, correlation);
}

/** Completes an interrupted change of status that has reached Plane. One that has not must be repeated by its agent. */
export async function resumeInterruptedChange(deps: TaskDeps, item: string, correlation: string): Promise<void> {
  const [attempt, task, now] = await Promise.all([
    findStatusAttempt(deps, item),
    findStoredTask(deps, item),
    deps.store.now(),
  ]);
  if (!attempt || attempt.isComplete || now - attempt.at <= CALL_TIMEOUT_MS) return;
  const agent = deps.settings.agents.find(({ name }) => name === attempt.agent);
  const role = agent ? (agent.role ?? "worker") : "human";
  const context = createCallContext(deps, { name: attempt.agent, role }, correlation);
  const isGone = !task || task.item.removedAt !== undefined;
  if (!isGone && hasReachedStatus(task.item, attempt)) await completeStatusChange(context, task, attempt);
  // The agent may repeat the call for as long as a claim lasts.
  else if (isGone || !isOpen(task.item.snapshot.status) || now - attempt.at > getClaimDuration(deps.settings))
    await endStatusAttempt(context, attempt);
}
