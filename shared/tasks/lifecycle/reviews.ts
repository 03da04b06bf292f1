/**
 * A task that its agent finished with less confidence than required waits for a person's review: requested once for
 * each attempt, decided once, and resumed when the decision was interrupted.
 */

import type { TaskDeps } from "../../app/deps.ts";
import { GroundcrewError } from "../../errors.ts";
import { formatTemplate } from "../../i18n/localize.ts";
import { getTexts } from "../../i18n/texts.ts";
import { escapeHtml } from "../../markdown/plain-text.ts";
import type { Task } from "../../records/plane-records.ts";
import { workKeys, workSets } from "../../records/store-keys.ts";
import {
  findStatusAttempt,
  type ReviewRecord,
  type ReviewVerdict,
  type StatusChangeRecord,
} from "../../records/task-records.ts";
import type { Put } from "../../store/port.ts";
import { updateValue } from "../../store/records.ts";
import { REVIEW_LABEL } from "../../sync/event-facts.ts";
import { isInReview, isOpen } from "../../task/snapshot.ts";
import { DAY, MINUTE, type Ms } from "../../time.ts";
import { isManaged } from "../access.ts";
import { type CallContext, createCallContext, isHuman, SYSTEM_CALLER } from "../call-context.ts";
import { updateCard } from "../card-record.ts";
import { moveToStatus } from "../change-task.ts";
import { postComment } from "../comments.ts";
import { findStoredTask, readFreshTask } from "../find-task.ts";
import { recordFinishedTask } from "../forecast.ts";
import { prepareWorkEvent, publishWorkEvent } from "../work-events.ts";

/** Retention of a verdict: 30 days, so that every message of the review can show it. */
const VERDICT_KEPT_MS: Ms = 30 * DAY;

/** Timeout for the call that gave a verdict: 2 min. An older verdict that is not applied was interrupted. */
const CALL_TIMEOUT_MS: Ms = 2 * MINUTE;

/**
 * Stores a pending review and notifies the human in one commit, once for each attempt. Does nothing when the review was
 * decided already, which a change that is resumed late may find.
 */
export async function requestReview(
  deps: TaskDeps,
  task: Task,
  { agent, id, review: confidence = 0, text = "" }: StatusChangeRecord,
  correlation: string,
): Promise<void> {
  await updateValue<ReviewRecord>(deps, workKeys.review(task.id), async (stored) => {
    // The event is named by the review's id, because every review of a task starts from the same revision 0.
    const record = workKeys.reviewVerdict(id);
    const [verdict] = await deps.store.read([record]);
    if (stored?.id === id || verdict) return undefined;
    const review: ReviewRecord = { item: task.id, agent, id, at: await deps.store.now() };
    const event = { kind: "review", agent, confidence, text } as const;
    const put = [toReviewPut(task.id, review)];
    const update = await prepareWorkEvent(deps, task, event, correlation, { record, rev: 0, put });
    return { ...update, expect: [[record, 0]] };
  });
}

/** Without `review` the record is deleted. */
function toReviewPut(item: string, review?: ReviewRecord): Put {
  return { key: workKeys.review(item), value: review, ...(review ? { sets: [workSets.reviews] } : {}) };
}

/** Approves a review: removes the label and sets the task to done. Throws `conflict` when it is not in review. */
export async function approveReview(context: CallContext, task: Task): Promise<Task> {
  return recordVerdict(context, task, "approved", null);
}

async function recordVerdict(context: CallContext, task: Task, kind: ReviewVerdict["kind"], reason: string | null) {
  const { deps, caller } = context;
  if (!isHuman(caller))
    throw new GroundcrewError("forbidden", `${task.key} waits for a human's review. Remind them with ask_human.`);
  const freshTask = await readFreshTask(context, task);
  const [record] = await deps.store.read<ReviewRecord>([workKeys.review(task.id)]);
  const before = record?.value;
  const { status } = freshTask.item.snapshot;
  // An interrupted verdict is resumed; a new one needs a task that is in review.
  if (!isInReview(freshTask.item) && before?.verdict?.kind !== kind)
    throw new GroundcrewError("conflict", `${task.key} is not in review. Its status is ${status}.`, {
      refusal: { name: "notInReview", values: { task: task.key, status } },
    });
  const now = await deps.store.now();
  const agent = before?.agent ?? freshTask.item.owners?.[0] ?? "";
  const verdict = { kind, by: caller.name, reason: reason ?? before?.verdict?.reason ?? null, at: now };
  const review: ReviewRecord = { item: task.id, agent, id: before?.id ?? deps.newId(), at: before?.at ?? now, verdict };
  const verdictPut = { key: workKeys.reviewVerdict(review.id), value: verdict, expires: VERDICT_KEPT_MS };
  await deps.store.commit({ put: [toReviewPut(task.id, review), verdictPut] });
  return applyVerdict(context, freshTask, review, verdict);
}

/** Applies a verdict. Each effect happens once, also when this is repeated. */
async function applyVerdict(context: CallContext, task: Task, review: ReviewRecord, verdict: ReviewVerdict) {
  const { deps } = context;
  const approved = verdict.kind === "approved";
  const movedTask = await moveToStatus(context, task, approved ? "done" : "todo", { labels: { drop: [REVIEW_LABEL] } });
  const { comments } = getTexts(deps.settings.locale);
  const by = escapeHtml(verdict.by);
  const title = `<p>${formatTemplate(approved ? comments.approved : comments.sentBack, { by })}</p>`;
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
  { deps, correlation }: CallContext,
  task: Task,
  review: ReviewRecord,
  sentBack: { by: string | null; reason: string | null } | undefined,
): Promise<void> {
  const key = workKeys.review(task.id);
  const [record] = await deps.store.read<ReviewRecord>([key]);
  if (record?.value.id !== review.id) return;
  const put = [toReviewPut(task.id)];
  if (!sentBack) {
    await deps.store.commit({ expect: [[key, record.rev]], put });
    return;
  }
  const { by, reason } = sentBack;
  const event = { kind: "sent_back", agent: review.agent, by, reason } as const;
  await publishWorkEvent(deps, task, event, correlation, { record: key, rev: record.rev, put });
}

/** Sends a task back from review: removes the label, sets the task to todo and notifies its agent of the reason. */
export async function sendBackReview(context: CallContext, task: Task, reason: string): Promise<Task> {
  return recordVerdict(context, task, "sent_back", reason.trim() || null);
}

/** Whether this verdict was given and has not been applied completely. */
export async function isVerdictPending(
  { deps }: Pick<CallContext, "deps">,
  item: string,
  kind: ReviewVerdict["kind"] | undefined,
): Promise<boolean> {
  const [record] = await deps.store.read<ReviewRecord>([workKeys.review(item)]);
  return kind !== undefined && record?.value.verdict?.kind === kind;
}

/**
 * Applies what people did in Plane with a task in review: removing the label sends it back, setting it to done approves
 * it. Also resumes an interrupted verdict. Makes no request when there is nothing to do.
 */
export async function reconcileReview(deps: TaskDeps, item: string, correlation: string): Promise<void> {
  const [[record], task] = await Promise.all([
    deps.store.read<ReviewRecord>([workKeys.review(item)]),
    findStoredTask(deps, item),
  ]);
  const presentTask = task?.item.removedAt === undefined ? task : undefined;
  if (!record) {
    if (presentTask && isInReview(presentTask.item)) await restoreReview(deps, presentTask, correlation);
  } else if (presentTask) await reconcileKnownReview(deps, presentTask, record.value, correlation);
  else await deps.store.commit({ expect: [[workKeys.review(item), record.rev]], put: [toReviewPut(item)] });
}

/** Creates the missing record of a task in review: the request was interrupted, or the store was lost since. */
async function restoreReview(deps: TaskDeps, task: Task, correlation: string): Promise<void> {
  const attempt = await findStatusAttempt(deps, task.id);
  if (attempt?.review !== undefined && !attempt.isComplete) return requestReview(deps, task, attempt, correlation);
  const agent = task.item.owners?.[0];
  if (agent === undefined) return;
  const review: ReviewRecord = { item: task.id, agent, id: deps.newId(), at: await deps.store.now() };
  await deps.store.commit({ expect: [[workKeys.review(task.id), 0]], put: [toReviewPut(task.id, review)] });
}

async function reconcileKnownReview(deps: TaskDeps, task: Task, review: ReviewRecord, correlation: string) {
  const context = createCallContext(deps, SYSTEM_CALLER, correlation);
  const { verdict } = review;
  const { status } = task.item.snapshot;
  if (verdict) {
    if ((await deps.store.now()) - verdict.at > CALL_TIMEOUT_MS) await applyVerdict(context, task, review, verdict);
    return;
  }
  if (status === "done") {
    // On a task that no agent has worked on, the label is people's own.
    if (await isManaged(deps, task)) await moveToStatus(context, task, "done", { labels: { drop: [REVIEW_LABEL] } });
    await recordFinishedTask(deps, task, review.agent);
  }
  if (isInReview(task.item)) return;
  // A task that its agent continues loses the confidence that caused the review.
  const outcome = isOpen(status) ? { confidence: undefined } : {};
  await updateCard(context, task, { review: undefined, ...outcome });
  await closeReview(context, task, review, isOpen(status) ? { by: null, reason: null } : undefined);
}
