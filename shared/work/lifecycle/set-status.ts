import { GroundcrewError } from "../../errors.ts";
import { REVIEW_LABEL } from "../../observe/ownership.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import type { Status } from "../../task/snapshot.ts";
import type { Ms } from "../../time.ts";
import { readCard, updateCard } from "../card/card-record.ts";
import { moveToStatus } from "../changes/move-to-status.ts";
import {
  endClaim,
  ensureClaim,
  findClaim,
  readLiveClaims,
  renewOwnClaim,
  throwIfClaimLost,
  verifyClaim,
} from "../claims/claims.ts";
import { getIdempotencyKey, postComment, toCommentHtml } from "../comments/post-comment.ts";
import type { CallContext } from "../context/call-context.ts";
import { isAgent, isHuman } from "../context/caller.ts";
import { findKeptTask, readFreshTask, type Task } from "../tasks/find-task.ts";
import { isInReview } from "../tasks/is-in-review.ts";
import { readOpenBlockers } from "../tasks/open-blockers.ts";
import { requireOwner } from "../tasks/require-owner.ts";
import { completeStatusChange } from "./complete-status-change.ts";
import { type CompletionReport, findMissingCriteria, readDoneCriteria } from "./done-criteria.ts";
import { failStatusChange, isPermanentError } from "./fail-status-change.ts";
import { approveReview, isVerdictPending, sendBackReview } from "./review-task.ts";
import { beginStatusAttempt, findStatusAttempt, hasReachedStatus, type KeptStatusAttempt } from "./status-attempt.ts";
import { refreshBlockers, requireTransition } from "./transitions.ts";

/** A change of status, with what the caller reports about the task. */
export interface StatusChange extends CompletionReport {
  /** `text` of a change that finishes a task is its summary. */
  status: Status;
  /** From 0 to 1; 0.8 when none was reported. */
  confidence?: number | undefined;
  /** The caller's total on the task so far, in the budget's currency. */
  cost?: number | undefined;
  /** `openclaw-session-{uuid}` */
  session?: string | undefined;
}

/** The state of a task after a change of its status. */
export interface StatusResult {
  key: string;
  word: Status;
  inReview: boolean;
  /** Store time at which the caller's claim expires; absent when it has none. */
  heldUntil?: Ms;
  /** Keys of its open blockers. */
  blockers: string[];
  url: string;
}

/** The confidence when none was reported (OPENCLAW-12). */
const DEFAULT_CONFIDENCE = 0.8;

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

async function readStatusResult({ deps, caller }: CallContext, { id, key, item, url }: Task): Promise<StatusResult> {
  const [[claim], blockersById] = await Promise.all([readLiveClaims(deps, [id]), readOpenBlockers(deps, [item])]);
  const blockers = item.blockers.map((blocker) => blockersById.get(blocker)?.key ?? blocker);
  const heldUntil = claim?.agent === caller.name ? claim.until : undefined;
  return { key, word: item.snapshot.word, inReview: isInReview(item), ...omitUndefined({ heldUntil }), blockers, url };
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
  await updateReportedFields(context, task, change);
  const isPosted = lastAttempt?.agent === caller.name && lastAttempt.status === status && lastAttempt.text === text;
  // A human's text about a review is already part of the comment on the verdict.
  if (text.trim() === "" || isPosted || isHuman(caller)) return;
  const idempotencyKey = await getIdempotencyKey(context, "status", task.id, status, text);
  await postComment(context, task, `status:${idempotencyKey}`, await toCommentHtml(text));
}

/** An agent's change of its own task. A permanent refusal by Plane is reported and blocks the task (OPENCLAW-15). */
async function changeOwnStatus(
  context: CallContext,
  task: Task,
  change: StatusChange,
  {
    lastAttempt,
    interrupted,
  }: { lastAttempt: KeptStatusAttempt | undefined; interrupted: KeptStatusAttempt | undefined },
): Promise<void> {
  try {
    const freshTask = await readFreshTask(context, task);
    // The status has reached Plane: the rest needs no claim, which may have ended with the change.
    const isDone = interrupted && interrupted.status !== "in_progress" && hasReachedStatus(freshTask.item, interrupted);
    const attempt = isDone
      ? interrupted
      : await writeStatus(context, await refreshBlockers(context, freshTask, change.status), change, lastAttempt);
    const current = (await findKeptTask(context.deps, task.id)) ?? freshTask;
    await updateReportedFields(context, current, change);
    await completeStatusChange(context, current, attempt);
  } catch (thrown) {
    if (!isPermanentError(thrown)) throw thrown;
    throw await failStatusChange(context, task, change.status, thrown);
  }
}

async function writeStatus(
  context: CallContext,
  task: Task,
  change: StatusChange,
  lastAttempt: KeptStatusAttempt | undefined,
): Promise<KeptStatusAttempt> {
  const { deps } = context;
  await throwIfClaimLost(context, task);
  await requireTransition(context, task, change.status, lastAttempt);
  const claim = await ensureClaim(context, task, { waiting: true });
  const completion = change.status === "done" ? await checkCompletion(context, task, change) : {};
  const attempt = await beginStatusAttempt(context, {
    ...(await createAttempt(context, task, change)),
    ...completion,
    ...omitUndefined({
      failed: lastAttempt?.failed ? lastAttempt.failed : undefined,
      unblocks: task.item.snapshot.word === "blocked" ? (true as const) : undefined,
    }),
    id: String(claim.fence),
  });
  // Keeps the claims tick from treating the following change as one by another user.
  await verifyClaim(context, task, claim, [task.item.snapshot.word, change.status]);
  const inReview = attempt.review !== undefined;
  const labels = inReview ? { add: [REVIEW_LABEL] } : {};
  await moveToStatus(context, task, inReview ? "in_progress" : change.status, { labels, claim });
  // From now on, a task that is back in its previous status was moved by another user.
  if (change.status === "in_progress") await verifyClaim(context, task, claim, ["in_progress"]);
  deps.log.info("status set", { correlation: context.correlation, item: task.key, status: change.status });
  return attempt;
}

/**
 * Throws `conflict` with all missing criteria; else returns whether a review is needed, and the task's own criteria.
 */
async function checkCompletion(
  context: CallContext,
  task: Task,
  change: StatusChange,
): Promise<Partial<KeptStatusAttempt>> {
  const { deps } = context;
  const criteria = await readDoneCriteria(deps, task);
  const missing = await findMissingCriteria(context, task, criteria, change);
  if (missing.length > 0)
    throw new GroundcrewError("conflict", `${task.key} is not done yet: ${missing.join("; ")}. It stays in progress.`);
  const confidence = change.confidence ?? (await readCard(deps, task.id))?.confidence ?? DEFAULT_CONFIDENCE;
  const needsReview = confidence < deps.settings.done.review_below;
  return omitUndefined({
    review: needsReview ? confidence : undefined,
    asked: criteria.others.length > 0 ? criteria.others : undefined,
  });
}

/** A change of another agent's task: needs no claim and ends the current one. */
async function changeAsPlanner(
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
  const attempt = interrupted ?? (await beginStatusAttempt(context, await createAttempt(context, freshTask, change)));
  const moved = await moveToStatus(context, freshTask, change.status, { labels: { drop: [REVIEW_LABEL] } });
  await completeStatusChange(context, moved, attempt);
}

/** The verdict that a human gives by setting the status of a task in review. */
function toVerdict(status: Status): "approved" | "sent_back" | undefined {
  if (status === "done") return "approved";
  return status === "todo" || status === "in_progress" ? "sent_back" : undefined;
}

async function createAttempt(
  { deps, caller }: CallContext,
  task: Task,
  change: StatusChange,
): Promise<KeptStatusAttempt> {
  const { status, text, commit, tests } = change;
  const common = { item: task.id, agent: caller.name, status, id: deps.newId(), at: await deps.store.now() };
  return {
    ...common,
    ...omitUndefined({ text: text || undefined, commit: commit || undefined, tests: tests || undefined }),
  };
}

async function updateReportedFields(context: CallContext, task: Task, change: StatusChange): Promise<void> {
  const { session, cost, confidence, commit, tests } = change;
  const fields = omitUndefined({
    session: session || undefined,
    cost,
    confidence,
    commit: commit || undefined,
    tests: tests || undefined,
  });
  if (isAgent(context.caller) && Object.keys(fields).length > 0) await updateCard(context, task, fields);
}
