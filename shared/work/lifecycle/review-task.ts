import { GroundcrewError } from "../../errors.ts";
import { formatTemplate } from "../../i18n/template.ts";
import { getTexts } from "../../i18n/texts/get-texts.ts";
import { escapeHtml } from "../../markdown/escape-html.ts";
import { REVIEW_LABEL } from "../../observe/ownership.ts";
import type { StoredValue } from "../../store/port.ts";
import { isOpen } from "../../task/diff.ts";
import { MINUTE, type Ms } from "../../time.ts";
import { updateCard } from "../card/card-record.ts";
import { moveToStatus } from "../changes/move-to-status.ts";
import { postComment } from "../comments/post-comment.ts";
import { type CallContext, createCallContext, type WorkDeps } from "../context/call-context.ts";
import { isHuman, SYSTEM_CALLER } from "../context/caller.ts";
import { workKeys } from "../context/work-keys.ts";
import { findKeptTask, readFreshTask, type Task } from "../tasks/find-task.ts";
import { isManaged } from "../tasks/managed-tasks.ts";
import { publishWorkEvent } from "../tasks/publish-work-event.ts";
import { recordFinishedTask } from "./record-finished-task.ts";
import { type KeptReview, type KeptReviewVerdict, requestReview, toReviewPut, toVerdictPut } from "./review-record.ts";
import { findStatusAttempt } from "./status-attempt.ts";

/** Timeout for the call that gave a verdict: 2 min. An older verdict that is not applied was interrupted. */
const CALL_TIMEOUT_MS: Ms = 2 * MINUTE;

type ReviewVerdict = KeptReviewVerdict;

/** Approves a review: removes the label and sets the task to done. Throws `conflict` when it is not in review. */
export async function approveReview(context: CallContext, task: Task): Promise<Task> {
  return recordVerdict(context, task, "approved", null);
}

/** Sends a task back from review: removes the label, sets the task to todo and notifies its agent of the reason. */
export async function sendBackReview(context: CallContext, task: Task, reason: string): Promise<Task> {
  return recordVerdict(context, task, "sent_back", reason.trim() || null);
}

async function recordVerdict(
  context: CallContext,
  task: Task,
  kind: ReviewVerdict["kind"],
  reason: string | null,
): Promise<Task> {
  const { deps, caller } = context;
  if (!isHuman(caller))
    throw new GroundcrewError("forbidden", `${task.key} waits for a human's review. Remind them with ask_human.`);
  const freshTask = await readFreshTask(context, task);
  const [record] = await deps.store.read<KeptReview>([workKeys.review(task.id)]);
  const before = record?.value;
  const isWaiting = freshTask.item.review && isOpen(freshTask.item.snapshot.word);
  // An interrupted verdict is resumed; a new one needs a task that is in review.
  if (!isWaiting && before?.verdict?.kind !== kind)
    throw new GroundcrewError(
      "conflict",
      `${task.key} is not in review. Its status is ${freshTask.item.snapshot.word}.`,
      { refusal: { name: "notInReview", values: { task: task.key, status: freshTask.item.snapshot.word } } },
    );
  const now = await deps.store.now();
  const agent = before?.agent ?? freshTask.item.owners?.[0] ?? "";
  const verdict = { kind, by: caller.name, reason: reason ?? before?.verdict?.reason ?? null, at: now };
  const review: KeptReview = { item: task.id, agent, id: before?.id ?? deps.newId(), at: before?.at ?? now, verdict };
  await deps.store.commit({ put: [toReviewPut(task.id, review), toVerdictPut(review.id, verdict)] });
  return applyVerdict(context, freshTask, review, verdict);
}

/** Whether this verdict was given and has not been applied completely. */
export async function isVerdictPending(
  { deps }: Pick<CallContext, "deps">,
  item: string,
  kind: ReviewVerdict["kind"] | undefined,
): Promise<boolean> {
  const [record] = await deps.store.read<KeptReview>([workKeys.review(item)]);
  return kind !== undefined && record?.value.verdict?.kind === kind;
}

/** Applies a verdict. Each effect happens once, also when this is repeated. */
async function applyVerdict(
  context: CallContext,
  task: Task,
  review: KeptReview,
  verdict: ReviewVerdict,
): Promise<Task> {
  const { deps } = context;
  const approved = verdict.kind === "approved";
  const movedTask = await moveToStatus(context, task, approved ? "done" : "todo", { labels: { drop: [REVIEW_LABEL] } });
  const { comments } = getTexts(deps.settings.locale);
  const titleTemplate = approved ? comments.approved : comments.sentBack;
  const title = `<p>${formatTemplate(titleTemplate, { by: escapeHtml(verdict.by) })}</p>`;
  const reasonHtml = verdict.reason === null ? "" : `<p>${escapeHtml(verdict.reason).replaceAll("\n", "<br>")}</p>`;
  await postComment(context, movedTask, `${verdict.kind}:${task.id}:${review.id}`, title + reasonHtml);
  if (approved) await recordFinishedTask(deps, movedTask, review.agent);
  const outcome = approved ? { percent: 100 } : { confidence: undefined };
  await updateCard(context, movedTask, { review: undefined, ...outcome });
  await closeReview(context, movedTask, review, approved ? undefined : verdict);
  return movedTask;
}

/** Closes a review and, when the task was not approved, notifies its agent in the same commit. */
async function closeReview(
  { deps, correlation }: Pick<CallContext, "deps" | "correlation">,
  task: Task,
  review: KeptReview,
  sentBack: Pick<ReviewVerdict, "by" | "reason"> | { by: null; reason: null } | undefined,
): Promise<void> {
  const key = workKeys.review(task.id);
  const [record] = await deps.store.read<KeptReview>([key]);
  if (record?.value.id !== review.id) return;
  const put = [toReviewPut(task.id, undefined)];
  if (!sentBack) {
    await deps.store.commit({ expect: [[key, record.rev]], put });
    return;
  }
  const { by, reason } = sentBack;
  const event = { kind: "sent_back", agent: review.agent, by, reason } as const;
  await publishWorkEvent(deps, task, event, correlation, { record: key, rev: record.rev, put });
}

/**
 * Applies what people did in Plane with a task in review: removing the label sends it back, setting it to done approves
 * it. Also resumes an interrupted verdict. Makes no request when there is nothing to do.
 */
export async function reconcileReview(deps: WorkDeps, item: string, correlation: string): Promise<void> {
  const [[record], task] = await Promise.all([
    deps.store.read<KeptReview>([workKeys.review(item)]),
    findKeptTask(deps, item),
  ]);
  const isWaiting = task?.item.gone === undefined && task?.item.review && isOpen(task.item.snapshot.word);
  if (!record) return task && isWaiting ? restoreReview(deps, task, correlation) : undefined;
  if (!task || task.item.gone !== undefined) {
    await deps.store.commit({ expect: [[workKeys.review(item), record.rev]], put: [toReviewPut(item, undefined)] });
    return;
  }
  await reconcileKnownReview(deps, task, record, correlation);
}

async function reconcileKnownReview(
  deps: WorkDeps,
  task: Task,
  { value: review }: StoredValue<KeptReview>,
  correlation: string,
): Promise<void> {
  const context = createCallContext(deps, SYSTEM_CALLER, correlation);
  const { verdict } = review;
  const { word } = task.item.snapshot;
  if (verdict) {
    if ((await deps.store.now()) - verdict.at > CALL_TIMEOUT_MS) await applyVerdict(context, task, review, verdict);
    return;
  }
  if (word === "done") {
    // On a task that no agent has worked on, the label is people's own.
    if (await isManaged(deps, task)) await moveToStatus(context, task, "done", { labels: { drop: [REVIEW_LABEL] } });
    await recordFinishedTask(deps, task, review.agent);
  }
  if (isOpen(word) && task.item.review) return;
  // A task that its agent continues loses the confidence that caused the review.
  const outcome = isOpen(word) ? { confidence: undefined } : {};
  await updateCard(context, task, { review: undefined, ...outcome });
  await closeReview(context, task, review, isOpen(word) ? { by: null, reason: null } : undefined);
}

/** Creates the missing record of a task in review: the request was interrupted, or the store was lost since. */
async function restoreReview(deps: WorkDeps, task: Task, correlation: string): Promise<void> {
  const attempt = await findStatusAttempt(deps, task.id);
  if (attempt?.review !== undefined && !attempt.over) return requestReview(deps, task, attempt, correlation);
  const agent = task.item.owners?.[0];
  if (agent === undefined) return;
  const review: KeptReview = { item: task.id, agent, id: deps.newId(), at: await deps.store.now() };
  await deps.store.commit({ expect: [[workKeys.review(task.id), 0]], put: [toReviewPut(task.id, review)] });
}
