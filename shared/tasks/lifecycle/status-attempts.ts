/**
 * A change of status is stored before it is applied, so that an interrupted one is completed by the repeated call or
 * by a job. A permanent refusal by Plane, also of a comment or an upload, is reported and blocks the task.
 */

import { z } from "zod";
import type { TaskDeps } from "../../app/deps.ts";
import { GroundcrewError, getErrorMessage, type Refusal } from "../../errors.ts";
import type { RefusalName } from "../../i18n/en.ts";
import { formatTemplate } from "../../i18n/localize.ts";
import { getTexts } from "../../i18n/texts.ts";
import { createWorkJob } from "../../jobs/work-jobs.ts";
import { escapeHtml } from "../../markdown/plain-text.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { PlaneAuthError, type PlaneError, PlaneInvalidError } from "../../plane/errors.ts";
import type { Task } from "../../records/plane-records.ts";
import { workKeys, workSets } from "../../records/store-keys.ts";
import { findClaim, type ReviewRecord, type StatusChangeRecord } from "../../records/task-records.ts";
import { getRefusal, renderRefusal } from "../../refusals/render-refusal.ts";
import type { Job, Put } from "../../store/port.ts";
import { readAllRows, updateValue } from "../../store/records.ts";
import { type ItemRecord, isInReview, isOpen, STATUSES, type Status } from "../../task/snapshot.ts";
import { DAY, HOUR, MINUTE, type Ms } from "../../time.ts";
import { type CallContext, createCallContext, isAgent, SYSTEM_CALLER } from "../call-context.ts";
import { moveToStatus } from "../change-task.ts";
import { endClaim } from "../claim-lease.ts";
import { postComment } from "../comments.ts";
import { findStoredTask, findTask } from "../find-task.ts";
import { prepareWorkEvent } from "../work-events.ts";
import { commitSchema, testsSchema } from "./commit-and-tests.ts";

type StatusFailure = NonNullable<StatusChangeRecord["failure"]>;

const UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";

/**
 * OPENCLAW-13: the session in which an agent works, as the agent card shows it. OpenClaw's form is
 * `openclaw-session-{uuid}`; Claude Code's sessions are a UUID alone. An empty text means no session.
 */
export const agentSessionSchema = z
  .string()
  .regex(
    new RegExp(`^(?:(?:openclaw-session-)?${UUID})?$`, "i"),
    "must be openclaw-session-{uuid} or a UUID. Leave it out if you do not know your session",
  )
  .describe("openclaw-session-{uuid}, or the UUID of a Claude Code session. Leave it out if you do not know it");

/** A change of status, with what the caller reports about the task. */
export const statusChangeSchema = z.object({
  status: z.enum(STATUSES),
  /** Of a change that finishes a task: its summary. */
  text: z.string().max(20_000).optional().describe("Markdown; becomes a comment"),
  confidence: z.number().min(0).max(1).optional().describe("in the result; default 0.8; low values are reviewed"),
  /** In the budget's currency. */
  cost: z.number().min(0).max(1_000_000_000).optional().describe("your total so far"),
  session: agentSessionSchema.optional(),
  commit: commitSchema.optional(),
  tests: testsSchema.optional(),
});

export type StatusChange = z.infer<typeof statusChangeSchema>;

/** Retention of an attempt: 90 days. It outlives the change, because it shows who blocked a task. */
const KEPT_MS: Ms = 90 * DAY;

/** Timeout for a call including waits and retries: 2 min. Older unfinished changes were interrupted. */
export const CALL_TIMEOUT_MS: Ms = 2 * MINUTE;

/** Interval between notifications about the same failure: 1 h. */
const REPEAT_MS: Ms = HOUR;

/** Stores an attempt at a change in place of the previous one. `details` take precedence, as over the generated id. */
export async function beginStatusAttempt(
  { deps, caller }: CallContext,
  task: Task,
  { status, text, commit, tests }: StatusChange,
  details: Partial<StatusChangeRecord> = {},
): Promise<StatusChangeRecord> {
  const attempt: StatusChangeRecord = {
    item: task.id,
    agent: caller.name,
    status,
    id: deps.newId(),
    at: await deps.store.now(),
    ...omitUndefined({ text: text || undefined, commit: commit || undefined, tests: tests || undefined }),
    ...details,
  };
  await deps.store.commit({ put: [toStatusAttemptPut(attempt)] });
  return attempt;
}

/** Marks an attempt as complete. A newer attempt is left unchanged. */
export async function endStatusAttempt({ deps }: CallContext, attempt: StatusChangeRecord): Promise<void> {
  await updateValue<StatusChangeRecord>(deps, workKeys.statusChange(attempt.item), (stored) => {
    if (stored?.id !== attempt.id || stored.status !== attempt.status) return undefined;
    const { failure: _, ...finished } = stored;
    return { put: [toStatusAttemptPut({ ...finished, isComplete: true })] };
  });
}

/**
 * Runs at each tick on stored state: queues jobs for interrupted changes of status, for reviews whose task is no longer
 * in review, and for tasks in review without a record. Makes no request to Plane.
 */
export async function queueInterruptedChanges(
  deps: Pick<TaskDeps, "store" | "notify">,
  inReview: readonly string[],
): Promise<void> {
  const now = await deps.store.now();
  const reviews = await readAllRows<ReviewRecord>(deps, workSets.reviews);
  const changes = await readAllRows<StatusChangeRecord>(deps, workSets.statusChanges);
  const reviewed = new Set(reviews.map(({ value }) => value.item));
  const unsettled = reviews.filter(({ value }) => value.verdict || !inReview.includes(value.item));
  const interrupted = changes.filter(({ value }) => now - value.at > CALL_TIMEOUT_MS);
  const jobs = [
    ...inReview.filter((id) => !reviewed.has(id)).map((item) => createResumeJob("reviewed", item, now)),
    ...unsettled.map(({ value }) => createResumeJob("reviewed", value.item, now)),
    ...interrupted.map(({ value }) => createResumeJob("resume_status", value.item, now)),
  ];
  if (jobs.length === 0) return;
  await deps.store.commit({ jobs });
  deps.notify();
}

function createResumeJob(kind: "reviewed" | "resume_status", item: string, now: Ms): Job {
  const correlation = `${kind}:${item}:${now}`;
  return createWorkJob(correlation, `work:${item}`, { type: kind, item, correlation });
}

/**
 * Runs a write of an agent about its task. Where Plane refuses it for good, the task is blocked and the human notified
 * (OPENCLAW-15), unless the agent does not hold the task, or it is closed or in review: then only the caller gets the
 * error. `key` is the task's key or id.
 */
export async function blockWhenRefused<R>(
  context: CallContext,
  key: string,
  write: "comment" | "upload",
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
 * Handles Plane's refusal to let an agent change a task's status, comment or attach a file: logs it, notifies the human,
 * blocks the task with a comment if Groundcrew's own key may, and ends the claim. Returns the error for the agent.
 */
export async function failWrite(
  context: CallContext,
  task: Task,
  write: "comment" | "upload" | { status: Status },
  thrown: PlaneError,
): Promise<GroundcrewError> {
  const { deps, caller, correlation } = context;
  const { words, name, status } = describeWrite(write);
  const text = `${caller.name} could not ${words}: ${thrown.message}`;
  const logFields = { correlation, item: task.key, agent: caller.name };
  deps.log.error("write refused by Plane", { ...logFields, error: thrown.message });
  const refusal: Refusal = {
    name,
    values: { agent: caller.name, ...omitUndefined({ status }) },
    ...omitUndefined({ reason: getRefusal(thrown) }),
  };
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

function describeWrite(write: "comment" | "upload" | { status: Status }): {
  words: string;
  name: RefusalName;
  status?: Status;
} {
  if (write === "comment") return { words: "comment on it", name: "commentNotPosted" };
  if (write === "upload") return { words: "attach a file to it", name: "fileNotAttached" };
  return { words: `set it to ${write.status}`, name: "statusNotSet", status: write.status };
}

/** Stores the failed attempt and publishes it in one commit; a repeat of the same failure is not published again. */
async function recordFailure(
  { deps, caller, correlation }: CallContext,
  task: Task,
  status: Status,
  text: string,
  refusal: Refusal,
): Promise<StatusFailure> {
  const record = workKeys.statusChange(task.id);
  return updateValue<StatusChangeRecord, StatusFailure>(deps, record, async (stored, rev) => {
    const at = await deps.store.now();
    const before = stored?.failure;
    const isRepeat = before?.text === text && at - before.at < REPEAT_MS;
    const failure = isRepeat ? before : { text, at, id: deps.newId() };
    const { id } = failure;
    const put = [toStatusAttemptPut({ item: task.id, agent: caller.name, status, id, at, failure, isComplete: true })];
    if (isRepeat) return { put, result: failure };
    const event = { kind: "failed", agent: caller.name, text, refusal } as const;
    return { ...(await prepareWorkEvent(deps, task, event, correlation, { record, rev, put })), result: failure };
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
    const logFields = { correlation, item: initialTask.key, error: getErrorMessage(thrown) };
    deps.log.warn("task not blocked after refused write", logFields);
    return false;
  }
}

/** Whether the item has the status, or the review, that this change was to set. */
export function hasReachedStatus(item: ItemRecord, { status, review }: StatusChangeRecord): boolean {
  return review === undefined ? item.snapshot.status === status : isInReview(item);
}

export function toStatusAttemptPut(attempt: StatusChangeRecord): Put {
  const sets = attempt.isComplete ? [] : [workSets.statusChanges];
  return { key: workKeys.statusChange(attempt.item), value: attempt, sets, expires: KEPT_MS };
}

/** Whether Plane would refuse the same request again, so that a retry is useless (OPENCLAW-15). */
export function isPermanentError(thrown: unknown): thrown is PlaneError {
  return thrown instanceof PlaneInvalidError || thrown instanceof PlaneAuthError;
}
