/**
 * A task that its agent finished with less confidence than required waits for a person's review: requested once for
 * each attempt, decided once, and resumed when the decision was interrupted.
 */

import type { TaskDeps } from "../../app/deps.ts";
import { GroundcrewError } from "../../errors.ts";
import { formatTemplate } from "../../i18n/localize.ts";
import { getTexts } from "../../i18n/texts.ts";
import { createWorkJob } from "../../jobs/work-jobs.ts";
import { escapeHtml } from "../../markdown/plain-text.ts";
import {
  findProcedure,
  type ProcedureKind,
  type ProcedureStepResult,
  runProcedure,
  toProcedurePut,
} from "../../procedure/procedure.ts";
import type { Task } from "../../records/plane-records.ts";
import { workKeys, workSets } from "../../records/store-keys.ts";
import {
  findStatusAttempt,
  type ProcedureRecord,
  type ReviewRecord,
  type ReviewVerdict,
  toReviewPut,
  VERDICT_PROCEDURE,
} from "../../records/task-records.ts";
import { readAllRows } from "../../store/records.ts";
import { REVIEW_LABEL } from "../../sync/event-facts.ts";
import { isInReview, isOpen } from "../../task/snapshot.ts";
import { DAY, MINUTE } from "../../time.ts";
import { isManaged } from "../access.ts";
import { type CallContext, createCallContext, isHuman, SYSTEM_CALLER } from "../call-context.ts";
import { updateCard } from "../card-record.ts";
import { moveToStatus } from "../change-task.ts";
import { findStoredTask, readFreshTask } from "../find-task.ts";
import { recordFinishedTask } from "../forecast.ts";
import { postComment } from "../post-comment.ts";
import { publishWorkEvent } from "../work-events.ts";

interface VerdictRun {
  context: CallContext;
  task: Task;
}

type Verdict = ProcedureRecord<ReviewVerdict>;
type VerdictStepResult = Promise<ProcedureStepResult<ReviewVerdict>>;

/** A verdict is a procedure about the review, by its id. */
export const VERDICT: ProcedureKind<ReviewVerdict, VerdictRun> = {
  name: VERDICT_PROCEDURE,
  steps: [
    { name: "write", run: writeVerdict, does: "sets the state in Plane; a task that has it is not written" },
    { name: "comment", run: postVerdictComment, does: "writes the comment; Plane refuses a second one with its id" },
    { name: "finish", run: finishReview, does: "records an approved task, updates the card; the values are the same" },
    {
      name: "close",
      run: closeReview,
      does: "deletes the review and tells its agent, in one commit; the review is gone",
    },
  ],
  // Retention: 30 days, so that every message of the review can show it.
  keptMs: 30 * DAY,
  // Timeout for the call that gave the verdict: 2 min.
  resumeAfterMs: 2 * MINUTE,
  getGiveUpMs: () => 0,
  async createRun(deps, { input }, correlation) {
    const task = await findStoredTask(deps, input.item);
    if (!task || task.item.removedAt !== undefined) return undefined;
    return { context: createCallContext(deps, SYSTEM_CALLER, correlation), task };
  },
};

/** Approves a review: removes the label and sets the task to done. Throws `conflict` when it is not in review. */
export async function approveReview(context: CallContext, task: Task): Promise<Task> {
  return giveVerdict(context, task, "approved", null);
}

async function giveVerdict(context: CallContext, task: Task, kind: ReviewVerdict["kind"], reason: string | null) {
  const { deps, caller } = context;
  if (!isHuman(caller))
    throw new GroundcrewError("forbidden", `${task.key} waits for a human's review. Remind them with ask_human.`);
  const freshTask = await readFreshTask(context, task);
  const pending = await findPendingVerdict(deps, task.id);
  // An interrupted verdict is resumed; a new one needs a task that is in review.
  const verdict = pending?.input.kind === kind ? pending : await beginVerdict(context, freshTask, kind, reason);
  await runProcedure(deps, VERDICT, verdict, { context, task: freshTask });
  return (await findStoredTask(deps, task.id)) ?? freshTask;
}

async function beginVerdict(
  { deps, caller }: CallContext,
  { id: item, key, item: { owners, ...current } }: Task,
  kind: ReviewVerdict["kind"],
  reason: string | null,
): Promise<Pick<Verdict, "subject" | "id">> {
  const { status } = current.snapshot;
  if (!isInReview(current))
    throw new GroundcrewError("conflict", `${key} is not in review. Its status is ${status}.`, {
      refusal: { name: "notInReview", values: { task: key, status } },
    });
  const [stored] = await deps.store.read<ReviewRecord>([workKeys.review(item)]);
  const now = await deps.store.now();
  const missing = { item, agent: owners?.[0] ?? "", id: deps.newId(), at: now };
  const review: ReviewRecord = { ...(stored?.value ?? missing), isDecided: true };
  const { id, agent } = review;
  const procedure = { subject: id, id, input: { item, agent, kind, by: caller.name, reason } };
  await deps.store.commit({ put: [toReviewPut(item, review), toProcedurePut(VERDICT, procedure, now)] });
  return procedure;
}

async function writeVerdict(run: VerdictRun, { input: { kind } }: Verdict): VerdictStepResult {
  const status = kind === "approved" ? "done" : "todo";
  run.task = await moveToStatus(run.context, run.task, status, { labels: { drop: [REVIEW_LABEL] } });
  return undefined;
}

async function postVerdictComment({ context, task }: VerdictRun, { id, input }: Verdict): VerdictStepResult {
  const { comments } = getTexts(context.deps.settings.locale);
  const by = escapeHtml(input.by);
  const title = formatTemplate(input.kind === "approved" ? comments.approved : comments.sentBack, { by });
  const reason = input.reason === null ? "" : `<p>${escapeHtml(input.reason).replaceAll("\n", "<br>")}</p>`;
  await postComment(context, task, `${input.kind}:${task.id}:${id}`, `<p>${title}</p>${reason}`);
  return undefined;
}

async function finishReview({ context, task }: VerdictRun, { input: { kind, agent } }: Verdict): VerdictStepResult {
  const isApproved = kind === "approved";
  if (isApproved) await recordFinishedTask(context.deps, task, agent);
  await updateCard(context, task, {
    review: undefined,
    ...(isApproved ? { percent: 100 } : { confidence: undefined }),
  });
  return undefined;
}

/** Closes a review and, when the task was sent back, notifies its agent in the same commit. */
async function closeReview(
  { context, task }: VerdictRun,
  {
    id,
    input: { kind, agent, by, reason },
  }: { id: string; input: Omit<ReviewVerdict, "item" | "by"> & { by: string | null } },
) {
  const { deps, correlation } = context;
  const key = workKeys.review(task.id);
  const [stored] = await deps.store.read<ReviewRecord>([key]);
  if (stored?.value.id !== id) return undefined;
  const put = [toReviewPut(task.id)];
  if (kind === "approved") await deps.store.commit({ expect: [[key, stored.rev]], put });
  else {
    const event = { kind, agent, by, reason } as const;
    await publishWorkEvent(deps, task, event, correlation, { record: key, rev: stored.rev, put });
  }
  return undefined;
}

/** Sends a task back from review: removes the label, sets the task to todo and notifies its agent of the reason. */
export async function sendBackReview(context: CallContext, task: Task, reason: string): Promise<Task> {
  return giveVerdict(context, task, "sent_back", reason.trim() || null);
}

/** Finds the verdict that was given and has not been applied completely. */
export async function findPendingVerdict(deps: Pick<TaskDeps, "store">, item: string): Promise<Verdict | undefined> {
  const [stored] = await deps.store.read<ReviewRecord>([workKeys.review(item)]);
  const verdict = stored?.value.isDecided && (await findProcedure(deps, VERDICT, stored.value.id));
  return verdict && verdict.step !== undefined ? verdict : undefined;
}

/**
 * Applies what people did in Plane with a task in review: removing the label sends it back, setting it to done approves
 * it. Makes no request when there is nothing to do.
 */
export async function reconcileReview(deps: TaskDeps, item: string, correlation: string): Promise<void> {
  const [[record], task] = await Promise.all([
    deps.store.read<ReviewRecord>([workKeys.review(item)]),
    findStoredTask(deps, item),
  ]);
  const presentTask = task?.item.removedAt === undefined ? task : undefined;
  if (!record) {
    if (presentTask && isInReview(presentTask.item)) await restoreReview(deps, presentTask);
  } else if (presentTask) await reconcileKnownReview(deps, presentTask, record.value, correlation);
  else await deps.store.commit({ expect: [[workKeys.review(item), record.rev]], put: [toReviewPut(item)] });
}

/**
 * Runs at each tick on stored state: queues jobs for reviews whose task is no longer in review, and for
 * tasks in review without a record. Makes no request to Plane.
 */
export async function queueUnsettledReviews(
  deps: Pick<TaskDeps, "store" | "notify">,
  inReview: readonly string[],
): Promise<void> {
  const now = await deps.store.now();
  const reviews = await readAllRows<ReviewRecord>(deps, workSets.reviews);
  const reviewed = new Set(reviews.map(({ value }) => value.item));
  const unsettled = reviews.filter(({ value }) => !inReview.includes(value.item));
  const items = [...inReview.filter((id) => !reviewed.has(id)), ...unsettled.map(({ value }) => value.item)];
  if (items.length === 0) return;
  const jobs = items.map((item) => {
    const correlation = `reviewed:${item}:${now}`;
    return createWorkJob(correlation, `work:${item}`, { type: "reviewed", item, correlation });
  });
  await deps.store.commit({ jobs });
  deps.notify();
}

/** Creates the missing record of a task in review: the store was lost since. */
async function restoreReview(deps: TaskDeps, task: Task): Promise<void> {
  const attempt = await findStatusAttempt(deps, task.id);
  // The change of status is resumed, and requests it.
  if (attempt?.step !== undefined && attempt.input.review !== undefined) return;
  const agent = task.item.owners?.[0];
  if (agent === undefined) return;
  const review: ReviewRecord = { item: task.id, agent, id: deps.newId(), at: await deps.store.now() };
  await deps.store.commit({ expect: [[workKeys.review(task.id), 0]], put: [toReviewPut(task.id, review)] });
}

async function reconcileKnownReview(deps: TaskDeps, task: Task, review: ReviewRecord, correlation: string) {
  const context = createCallContext(deps, SYSTEM_CALLER, correlation);
  const { status } = task.item.snapshot;
  if (await findPendingVerdict(deps, task.id)) return;
  if (status === "done") {
    // On a task that no agent has worked on, the label is people's own.
    if (await isManaged(deps, task)) await moveToStatus(context, task, "done", { labels: { drop: [REVIEW_LABEL] } });
    await recordFinishedTask(deps, task, review.agent);
  }
  if (isInReview(task.item)) return;
  // A task that its agent continues loses the confidence that caused the review.
  const outcome = isOpen(status) ? { confidence: undefined } : {};
  await updateCard(context, task, { review: undefined, ...outcome });
  const kind = isOpen(status) ? "sent_back" : "approved";
  await closeReview({ context, task }, { id: review.id, input: { kind, agent: review.agent, by: null, reason: null } });
}
