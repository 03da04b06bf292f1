/**
 * A task that its agent finished with less confidence than required waits for a person's review: decided once, and
 * resumed when the decision was interrupted.
 */

import type { RequestKind, TaskDeps } from "../../app/deps.ts";
import { GroundcrewError } from "../../errors.ts";
import { formatTemplate } from "../../i18n/localize.ts";
import { getTexts } from "../../i18n/texts.ts";
import { createWorkJob } from "../../jobs/internal-jobs.ts";
import { escapeHtml } from "../../markdown/plain-text.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import {
  findProcedure,
  type ProcedureKind,
  type ProcedureStepResult,
  runProcedure,
  toProcedurePut,
} from "../../procedure/procedure.ts";
import type { Task } from "../../records/plane-records.ts";
import { workKeys } from "../../records/store-keys.ts";
import { findStatusAttempt, type ProcedureRecord, VERDICT_PROCEDURE } from "../../records/task-records.ts";
import {
  closeRequest,
  findRequest,
  readOpenRequests,
  readTaskRequests,
  replaceInput,
  restoreRequest,
} from "../../requests/requests.ts";
import { REVIEW_LABEL } from "../../sync/event-facts.ts";
import { findPart, isRequestOpen, type RequestRecord } from "../../task/request.ts";
import { isInReview, isOpen } from "../../task/snapshot.ts";
import { DAY, MINUTE } from "../../time.ts";
import { isManaged } from "../access.ts";
import { type CallContext, createCallContext, SYSTEM_CALLER } from "../call-context.ts";
import { restoreLostCard } from "../card-comment.ts";
import { updateCard } from "../card-record.ts";
import { moveToStatus } from "../change-task.ts";
import { findPresentTask, findStoredTask, readFreshTask } from "../find-task.ts";
import { recordFinishedTask } from "../forecast.ts";
import { postComment } from "../post-comment.ts";
import { prepareWorkEvent, publishWorkEvent } from "../work-events.ts";
import { createReview, listTaskParts, REPORTED_PARTS } from "./review-request.ts";

interface VerdictRun {
  context: CallContext;
  task: Task;
}

/** A human's verdict on a review: the input of its procedure. */
interface ReviewVerdict {
  item: string;
  /** Whose result was reviewed. */
  agent: string;
  kind: keyof typeof VERDICT_STATUSES;
  /** The person. */
  by: string;
  reason: string | null;
}

type Verdict = ProcedureRecord<ReviewVerdict>;
type VerdictStepResult = Promise<ProcedureStepResult<ReviewVerdict>>;

const VERDICT_STATUSES = { approved: "done", sent_back: "todo", rejected: "cancelled" } as const;

/** A verdict is a procedure about the review, by its id. */
export const VERDICT: ProcedureKind<ReviewVerdict, VerdictRun> = {
  name: VERDICT_PROCEDURE,
  steps: [
    { name: "write", run: writeVerdict, does: "sets the state in Plane; a task that has it is not written" },
    { name: "comment", run: postVerdictComment, does: "writes the comment; Plane refuses a second one with its id" },
    { name: "finish", run: finishReview, does: "records an approved task, updates the card; the values are the same" },
    { name: "tell", run: tellAgent, does: "tells the agent; the event has the same id" },
  ],
  // Retention: 30 days, so that every message of the review can show it.
  keptMs: 30 * DAY,
  // Timeout for the call that gave the verdict: 2 min.
  resumeAfterMs: 2 * MINUTE,
  async createRun(deps, { input }, correlation) {
    const task = await findPresentTask(deps, input.item);
    return task && { context: createCallContext(deps, SYSTEM_CALLER, correlation), task };
  },
};

/** A review is a request whose verdict is a procedure: Plane is changed before the agent is told. */
export const REVIEW: RequestKind = {
  async announce(deps, { value: request, rev }, correlation) {
    const { id, from: agent, text, subject } = request;
    const confidence = Number(findPart(request, "Confidence") ?? 0);
    const event = { kind: "review", request: id, agent, confidence, text } as const;
    const task = await findStoredTask(deps, subject.item);
    return prepareWorkEvent(deps, task, event, correlation, { record: workKeys.request(id), rev });
  },
  async reread(deps, request, correlation) {
    const known = await findStoredTask(deps, request.subject.item);
    const context = createCallContext(deps, SYSTEM_CALLER, correlation);
    const task = known && (await readFreshTask(context, known).catch(ignoreMissing));
    if (!task) return request;
    const reported = request.input.filter(({ label }) => REPORTED_PARTS.includes(label));
    const subject = { ...request.subject, title: task.item.snapshot.name };
    return replaceInput({ ...request, subject }, [...reported, ...(await listTaskParts(deps, task))]);
  },
  async decide(deps, { value: { id, from: agent, verdict, subject } }) {
    const task = await findStoredTask(deps, subject.item);
    if (!task || !isInReview(task.item)) return undefined;
    const { by, comment: reason = null, answer } = verdict;
    const kind = answer === "approve" ? "approved" : answer === "reject" ? "rejected" : "sent_back";
    const input = { item: task.id, agent, kind, by, reason } as const;
    return { put: [toProcedurePut(VERDICT, { subject: id, id, input }, await deps.store.now())] };
  },
  async apply(deps, { id, subject, verdict }, correlation) {
    const task = await findStoredTask(deps, subject.item);
    const context = createCallContext(deps, { name: verdict?.by ?? "", role: "human" }, correlation);
    if (task) await runProcedure(deps, VERDICT, { subject: id, id }, { context, task });
  },
  async close(deps, { value: request, rev }, correlation) {
    const task = await findStoredTask(deps, request.subject.item);
    if (!task || request.closed?.why !== "withdrawn") return {};
    const event = { kind: "sent_back", agent: request.from, by: null, reason: null } as const;
    return prepareWorkEvent(deps, task, event, correlation, { record: workKeys.request(request.id), rev });
  },
};

/** A task that Plane has no more is found in no review. */
function ignoreMissing(thrown: unknown): undefined {
  if (!(thrown instanceof GroundcrewError) || thrown.code !== "not_found") throw thrown;
}

async function writeVerdict(run: VerdictRun, { input: { kind } }: Verdict): VerdictStepResult {
  const status = VERDICT_STATUSES[kind];
  run.task = await moveToStatus(run.context, run.task, status, { labels: { drop: [REVIEW_LABEL] } });
  return undefined;
}

async function postVerdictComment({ context, task }: VerdictRun, { id, input }: Verdict): VerdictStepResult {
  const { approved, sentBack, rejected } = getTexts(context.deps.settings.locale).comments;
  const titles = { approved, sent_back: sentBack, rejected };
  const title = formatTemplate(titles[input.kind], { by: escapeHtml(input.by) });
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

/** Tells the agent that its task was sent back, once: the event's id is that of the verdict. */
async function tellAgent({ context, task }: VerdictRun, { id, input }: Verdict): VerdictStepResult {
  const { kind, agent, by, reason } = input;
  const { deps, correlation } = context;
  const stored = await findRequest(deps, id);
  if (kind !== "sent_back" || !stored) return undefined;
  const record = workKeys.request(id);
  await publishWorkEvent(deps, task, { kind, agent, by, reason }, correlation, { record, rev: stored.rev });
  return undefined;
}

/**
 * Applies what people did in Plane with a task in review: removing the label sends it back, setting it to done approves
 * it. Makes no request when there is nothing to do.
 */
export async function reconcileReview(deps: TaskDeps, item: string, correlation: string): Promise<void> {
  const [stored, task] = await Promise.all([readTaskRequests(deps, item, "review"), findStoredTask(deps, item)]);
  const reviews = stored.map(({ value }) => value);
  const presentTask = task?.item.removedAt === undefined ? task : undefined;
  // A verdict that has not been applied completely goes on by itself.
  for (const { id, verdict } of reviews)
    if (verdict && (await findProcedure(deps, VERDICT, id))?.step !== undefined) return;
  const request = reviews.findLast(isRequestOpen);
  if (!request) {
    // A change of status is resumed that requests it.
    const { step, input } = (await findStatusAttempt(deps, item)) ?? {};
    const isAboutToRequest = step !== undefined && input?.review !== undefined;
    if (presentTask && isInReview(presentTask.item) && !isAboutToRequest) await restoreReview(deps, presentTask);
  } else if (presentTask) await reconcileKnownReview(deps, presentTask, request, correlation);
  else await closeRequest(deps, request.id, "task_closed", correlation);
}

/**
 * Runs at each tick on stored state: queues jobs for reviews whose task is no longer in review, and for
 * tasks in review without a request. Makes no request to Plane.
 */
export async function queueUnsettledReviews(deps: Pick<TaskDeps, "store" | "notify">, inReview: readonly string[]) {
  const now = await deps.store.now();
  const reviewed = (await readOpenRequests(deps, "review")).flatMap(({ subject }) => subject.item ?? []);
  const items = [...new Set([...inReview, ...reviewed])];
  const unsettled = items.filter((item) => inReview.includes(item) !== reviewed.includes(item));
  if (unsettled.length === 0) return;
  const jobs = unsettled.map((item) => {
    const correlation = `reviewed:${item}:${now}`;
    return createWorkJob(correlation, `work:${item}`, { type: "reviewed", item, correlation });
  });
  await deps.store.commit({ jobs });
  deps.notify();
}

/** Stores the missing request of a task in review, which people were asked before. What its agent reported is on its card. */
async function restoreReview(deps: TaskDeps, task: Task): Promise<RequestRecord> {
  const { review, commit, tests, agent = task.item.owners?.[0] ?? "" } = (await restoreLostCard(deps, task)) ?? {};
  const report = { agent, confidence: review?.confidence ?? 0, ...omitUndefined({ commit, tests }) };
  const request = await createReview(deps, task, review?.request ?? deps.newId(), report);
  await restoreRequest(deps, request, request.id);
  return request;
}

async function reconcileKnownReview(deps: TaskDeps, task: Task, request: RequestRecord, correlation: string) {
  const context = createCallContext(deps, SYSTEM_CALLER, correlation);
  const { status } = task.item.snapshot;
  if (status === "done") {
    // On a task that no agent has worked on, the label is people's own.
    if (await isManaged(deps, task)) await moveToStatus(context, task, "done", { labels: { drop: [REVIEW_LABEL] } });
    await recordFinishedTask(deps, task, request.from);
  }
  if (isInReview(task.item)) return;
  // A task that its agent continues loses the confidence that caused the review.
  await updateCard(context, task, { review: undefined, ...(isOpen(status) ? { confidence: undefined } : {}) });
  await closeRequest(deps, request.id, isOpen(status) ? "withdrawn" : "task_closed", correlation);
}
