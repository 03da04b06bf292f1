/**
 * A change of status is a procedure: its steps update the card, write the state to Plane, end the claim and comment on
 * it. The repeated call or the queue completes one that was interrupted. What Plane refuses an agent for good, such a
 * change, a comment or an upload, is reported to people and blocks the task.
 */

import { z } from "zod";
import type { TaskDeps } from "../../app/deps.ts";
import { GroundcrewError, getErrorMessage, type Refusal } from "../../errors.ts";
import { formatTemplate } from "../../i18n/localize.ts";
import { getTexts } from "../../i18n/texts.ts";
import { escapeHtml } from "../../markdown/plain-text.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { PlaneAuthError, type PlaneError, PlaneInvalidError } from "../../plane/errors.ts";
import {
  type ProcedureKind,
  type ProcedureStepResult,
  toCompletePut,
  toProcedurePut,
} from "../../procedure/procedure.ts";
import { type ClaimRecord, findClaim } from "../../records/claim-record.ts";
import type { Task } from "../../records/plane-records.ts";
import { workKeys } from "../../records/store-keys.ts";
import { STATUS_PROCEDURE, type StatusChangeInput, type StatusChangeRecord } from "../../records/task-records.ts";
import { getRefusal, renderRefusal } from "../../refusals/render-refusal.ts";
import { updateValue } from "../../store/records.ts";
import { REVIEW_LABEL } from "../../sync/event-facts.ts";
import { type ItemRecord, isInReview, isOpen, STATUSES, type Status } from "../../task/snapshot.ts";
import { HOUR, MINUTE, type Ms } from "../../time.ts";
import { type CallContext, createCallContext, isAgent, SYSTEM_CALLER } from "../call-context.ts";
import { updateCard } from "../card-record.ts";
import { moveToStatus } from "../change-task.ts";
import { endClaim, getClaimDuration, verifyClaim } from "../claims.ts";
import { findPresentTask, findStoredTask, findTask } from "../find-task.ts";
import { recordFinishedTask } from "../forecast.ts";
import { createAuthorContext, postComment, postStatusComment } from "../post-comment.ts";
import { countUnread } from "../remark-record.ts";
import { prepareWorkEvent } from "../work-events.ts";
import { commitSchema, testsSchema } from "./done-criteria.ts";
import { requestReview } from "./review-request.ts";

const UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";
const SESSION = new RegExp(`^(?:(?:openclaw-session-)?${UUID})?$`, "i");

/**
 * OPENCLAW-13: the session in which an agent works, as the agent card shows it. OpenClaw's form is
 * `openclaw-session-{uuid}`; Claude Code's sessions are a UUID alone. An empty text means no session.
 */
export const agentSessionSchema = z
  .string()
  // A pattern would stand in the tool list of every agent, twice.
  .refine(
    (text) => SESSION.test(text),
    "must be openclaw-session-{uuid} or a UUID. Leave it out if you do not know your session",
  )
  .describe("openclaw-session-{uuid} or a Claude Code session's UUID, if you know it");

/** The caller's total on a task so far. The check is not part of the JSON schema, which every agent reads. */
export const tokensSchema = z
  .number()
  .refine((count) => count >= 0 && count <= 1e15)
  .optional();

/** A change of status, with what the caller reports about the task. */
export const statusChangeSchema = z.object({
  status: z.enum(STATUSES),
  /** Of a change that finishes a task: its summary. */
  text: z.string().max(20_000).optional().describe("Markdown; becomes a comment"),
  confidence: z.number().min(0).max(1).optional().describe("in the result; default 0.8; low values are reviewed"),
  /** In the budget's currency. */
  cost: z.number().min(0).max(1_000_000_000).optional().describe("your total so far"),
  tokens: tokensSchema,
  session: agentSessionSchema.optional(),
  commit: commitSchema.optional(),
  tests: testsSchema.optional(),
});

export type StatusChange = z.infer<typeof statusChangeSchema>;

/** A call that changes a status, or the queue: what the steps need besides the record. */
interface StatusRun {
  context: CallContext;
  task: Task;
  /** What the caller gave; absent in the queue. */
  change?: StatusChange;
  /** The claim of the agent whose task it is. */
  claim?: ClaimRecord;
  /** Whether the state may be written: only by a call, under its claim or by a planner. */
  canWrite: boolean;
}

type StatusFailure = NonNullable<StatusChangeInput["failure"]>;

type StatusStepResult = Promise<ProcedureStepResult<StatusChangeInput>>;

/** A write that Plane may refuse, in words for agents and by the name of what people read. */
const REFUSED_WRITES = {
  comment: { words: "comment on it", name: "commentNotPosted" },
  upload: { words: "attach a file to it", name: "fileNotAttached" },
  status: { words: "set its status", name: "statusNotSet" },
} as const;

/** Interval between notifications about the same failure: 1 h. */
const REPEAT_MS: Ms = HOUR;

/**
 * Each effect happens once, also when its step is repeated: the state by its value in Plane, comments by their external
 * ids, the rest by its record. So only the end is recorded.
 */
export const STATUS_CHANGE: ProcedureKind<StatusChangeInput, StatusRun> = {
  ...STATUS_PROCEDURE,
  steps: [
    // Before the state, because the message about a completed task shows its cost.
    { name: "report", run: updateReportedFields, does: "updates the agent card; it has the same values" },
    {
      name: "write",
      run: writeState,
      does: "sets the state in Plane, under the claim; one that is set is not written",
    },
    // A task that waits for an answer or a review has no holder: an expired claim would return it to todo. The claim
    // ends before the human is asked for a review, because an approval of a claimed task would take it away from its
    // agent.
    { name: "release", run: releaseClaim, does: "ends the claim, unless the task is started; the claim is gone" },
    { name: "finish", run: finishStatusChange, does: "requests a review, or records a finished task; one record each" },
    // Last, and by the queue, so that the call need not wait for the agent's next turn at Plane.
    {
      name: "comment",
      run: writeStatusComment,
      does: "writes the comment; Plane refuses a second one",
      isQueued: true,
    },
  ],
  // Timeout for a call including waits and retries: 2 min.
  resumeAfterMs: 2 * MINUTE,
  // The agent may repeat a call that has not reached Plane for as long as a claim lasts.
  getGiveUpMs: getClaimDuration,
  createRun: createQueueRun,
};

/** Two changes of one agent under one claim are different procedures, and the same change again is the same one. */
export function toStatusChangeId({ fence }: Pick<ClaimRecord, "fence">, status: Status): string {
  return `${fence}:${status}`;
}

/** Stores a change of status before its first step, in place of the previous one, whose comment is written first. */
export async function beginStatusChange(
  context: CallContext,
  task: Task,
  { status, text, commit, tests }: StatusChange,
  id: string = context.deps.newId(),
  details: Partial<StatusChangeInput> = {},
): Promise<{ subject: string; id: string }> {
  const { deps, caller } = context;
  await postStatusComment(context, task);
  const report = omitUndefined({ text: text || undefined, commit: commit || undefined, tests: tests || undefined });
  const procedure = { subject: task.id, id, input: { agent: caller.name, status, ...report, ...details } };
  await deps.store.commit({ put: [toProcedurePut(STATUS_CHANGE, procedure, await deps.store.now())] });
  return procedure;
}

/** Updates the agent card with what an agent reports along with a change. People have no card. */
export async function updateReportedFields(run: Pick<StatusRun, "context" | "task" | "change">): Promise<undefined> {
  const { context, task, change = {} } = run;
  const { session, cost, tokens, confidence, commit, tests }: Partial<StatusChange> = change;
  const texts = { session: session || undefined, commit: commit || undefined, tests: tests || undefined };
  const fields = omitUndefined({ ...texts, cost, tokens, confidence });
  if (isAgent(context.caller) && Object.keys(fields).length > 0) await updateCard(context, task, fields);
}

async function writeState(run: StatusRun, { input }: StatusChangeRecord): StatusStepResult {
  const { context, task, claim } = run;
  if (!run.canWrite) return hasReachedStatus(task.item, input) ? undefined : "stuck";
  const { status, review } = input;
  if (!claim) {
    run.task = await moveToStatus(context, task, status, { labels: { drop: [REVIEW_LABEL] } });
    return undefined;
  }
  const requireClaim = () => verifyClaim(context, task, claim);
  await requireClaim();
  const inReview = review !== undefined;
  const labels = inReview ? { add: [REVIEW_LABEL] } : {};
  // What people write while the write waits for Plane's quota must be read as well.
  const beforeSend = status === "done" ? () => requireRemarksRead(context, task) : undefined;
  run.task = await moveToStatus(context, task, inReview ? "in_progress" : status, { labels, requireClaim, beforeSend });
  // From now on, a task that is back in its previous status was moved by another user.
  if (status === "in_progress") await verifyClaim(context, task, claim, status);
  context.deps.log.info("status set", { correlation: context.correlation, item: task.key, status });
  return undefined;
}

/** Throws `conflict` while the agent has not read what people wrote about the task; the refused call contains it. */
export async function requireRemarksRead({ deps, caller }: CallContext, { id, key }: Task): Promise<void> {
  const [unread = 0] = await countUnread(deps, [id], caller.name);
  if (unread === 0) return;
  throw new GroundcrewError(
    "conflict",
    `${key} is not done yet: people wrote to you about it. Read this, do or answer what it asks for, and call again.`,
  );
}

/** Plane's refusal of the comment is not the call's any more: it is reported to people, and blocks an open task. */
async function writeStatusComment({ context, task }: StatusRun): StatusStepResult {
  try {
    await postStatusComment(context, task);
  } catch (thrown) {
    if (!isAgent(context.caller) || !isPermanentError(thrown)) throw thrown;
    await failWrite(context, task, "comment", thrown);
  }
  return undefined;
}

async function releaseClaim({ context, task }: StatusRun, { id, input }: StatusChangeRecord): StatusStepResult {
  const { deps, caller, correlation } = context;
  const claim = input.status === "in_progress" ? undefined : await findClaim(deps, task.id);
  if (claim && claim.agent !== input.agent) await endClaim(deps, claim, "moved", correlation);
  else if (claim && (toStatusChangeId(claim, input.status) === id || !isAgent(caller)))
    await endClaim(deps, claim, undefined, correlation);
  return undefined;
}

async function finishStatusChange({ context, task }: StatusRun, attempt: StatusChangeRecord): StatusStepResult {
  const { review, status, agent } = attempt.input;
  if (review !== undefined) {
    const request = await requestReview(context.deps, task, attempt, context.correlation);
    await updateCard(context, task, { review: { at: attempt.at, confidence: review, request } });
  } else if (status === "done" && isAgent(context.caller)) {
    await recordFinishedTask(context.deps, task, agent);
    await updateCard(context, task, { percent: 100 });
  }
  return { failure: undefined };
}

/** Whether the item has the status, or the review, that this change was to set. */
export function hasReachedStatus(item: ItemRecord, { status, review }: StatusChangeInput): boolean {
  return review === undefined ? item.snapshot.status === status : isInReview(item);
}

/** The queue completes a change that has reached Plane. One that has not must be repeated by its agent. */
async function createQueueRun(deps: TaskDeps, { subject, step, input }: StatusChangeRecord, correlation: string) {
  const task = await findPresentTask(deps, subject);
  const isOver = task && !hasReachedStatus(task.item, input) && !isOpen(task.item.snapshot.status);
  if (!task || (step !== undefined && isOver)) return undefined;
  return { context: createAuthorContext(deps, input.agent, correlation), task, canWrite: false };
}

/**
 * Runs a write of an agent about its task. Where Plane refuses it for good, the task is blocked and the human notified
 * (OPENCLAW-15), unless the agent does not hold the task, or it is closed or in review: then only the caller gets the
 * error. `key` is the task's key or id.
 */
export async function blockWhenRefused<R>(
  context: CallContext,
  key: string,
  write: keyof typeof REFUSED_WRITES,
  run: () => Promise<R>,
): Promise<R> {
  try {
    return await run();
  } catch (thrown) {
    const { caller } = context;
    if (!isAgent(caller) || !isPermanentError(thrown)) throw thrown;
    const task = await findTask(context, key);
    const { item } = task;
    const { status } = item.snapshot;
    const isHeld = (await findClaim(context.deps, task.id))?.agent === caller.name;
    // An earlier refusal has ended the claim and blocked the task.
    const isBlocked = status === "blocked" && (item.owners ?? []).includes(caller.name);
    const isAtWork = (isHeld || isBlocked) && isOpen(status) && !isInReview(item);
    throw isAtWork ? await failWrite(context, task, write, thrown) : thrown;
  }
}

/**
 * Handles Plane's refusal to let an agent change a task's status, comment or attach a file: logs it, notifies the
 * human, blocks the task with a comment if Groundcrew's own key may, and ends the claim. Returns the error for the
 * agent.
 */
export async function failWrite(
  context: CallContext,
  task: Task,
  write: keyof typeof REFUSED_WRITES,
  thrown: PlaneError,
  status?: Status,
): Promise<GroundcrewError> {
  const { deps, caller, correlation } = context;
  const { words: action, name } = REFUSED_WRITES[write];
  const words = status === undefined ? action : `set it to ${status}`;
  // Its record is replaced.
  if (write === "upload") await postStatusComment(context, task);
  const text = `${caller.name} could not ${words}: ${thrown.message}`;
  const logFields = { correlation, item: task.key, agent: caller.name, error: thrown.message };
  deps.log.error("write refused by Plane", logFields);
  const values = { agent: caller.name, ...omitUndefined({ status }) };
  const refusal: Refusal = { name, values, ...omitUndefined({ reason: getRefusal(thrown) }) };
  const failure = await recordFailure(context, task, status ?? "blocked", text, refusal);
  const claim = await findClaim(deps, task.id);
  // The claim ends before the task is blocked; otherwise the change would count as a loss of the claim.
  if (claim?.agent === caller.name) await endClaim(deps, claim, undefined, correlation);
  const blocked = await blockTask(context, task, failure, refusal);
  return new GroundcrewError(
    thrown instanceof PlaneAuthError ? "forbidden" : "conflict",
    `${task.key}: ${text} ${blocked ? "The task is blocked now, and" : "The task could not be blocked;"} the human has been notified. ` +
      "Do not retry; take another task.",
    { cause: thrown },
  );
}

/** Stores the failed attempt and publishes it in one commit; a repeat of the same failure is not published again. */
async function recordFailure(
  { deps, caller, correlation }: CallContext,
  task: Task,
  status: Status,
  text: string,
  refusal: Refusal,
): Promise<StatusFailure> {
  const record = workKeys.procedure(STATUS_PROCEDURE.name, task.id);
  return updateValue<StatusChangeRecord, StatusFailure>(deps, record, async (stored, rev) => {
    const at = await deps.store.now();
    const before = stored?.input.failure;
    const isRepeat = before?.text === text && at - before.at < REPEAT_MS;
    const failure = isRepeat ? before : { text, at, id: deps.newId() };
    const { id } = failure;
    const attempt = { subject: task.id, id, input: { agent: caller.name, status, failure } };
    const put = [toCompletePut(STATUS_PROCEDURE, attempt, at)];
    const event = { kind: "failed", agent: caller.name, text, refusal } as const;
    const published = await prepareWorkEvent(deps, task, isRepeat ? [] : event, correlation, { record, rev, put });
    return { ...published, result: failure };
  });
}

/** Blocks the task with Groundcrew's own key; false when Plane refuses that as well. */
async function blockTask(
  { deps, correlation }: CallContext,
  initialTask: Task,
  { id, text }: StatusFailure,
  refusal: Refusal,
): Promise<boolean> {
  const systemContext = createCallContext(deps, SYSTEM_CALLER, correlation);
  try {
    const task = (await findStoredTask(deps, initialTask.id)) ?? initialTask;
    const { status } = task.item.snapshot;
    const { comments, telegram } = getTexts(deps.settings.locale);
    const reason = escapeHtml(renderRefusal(telegram, refusal) ?? text);
    if (isOpen(status)) await moveToStatus(systemContext, task, "blocked");
    const html = `<p>${formatTemplate(comments.failed, { reason })}</p>`;
    await postComment(systemContext, task, `failed:${task.id}:${id}`, html);
    return isOpen(status);
  } catch (thrown) {
    const error = getErrorMessage(thrown);
    deps.log.warn("task not blocked after refused write", { correlation, item: initialTask.key, error });
    return false;
  }
}

/** Whether Plane would refuse the same request again, so that a retry is useless (OPENCLAW-15). */
export function isPermanentError(thrown: unknown): thrown is PlaneError {
  return thrown instanceof PlaneInvalidError || thrown instanceof PlaneAuthError;
}
