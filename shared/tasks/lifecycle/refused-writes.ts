/**
 * What Plane refuses an agent for good, a change of status, a comment or an upload, is reported to people and blocks
 * the task.
 */

import { GroundcrewError, getErrorMessage, type Refusal } from "../../errors.ts";
import type { RefusalName } from "../../i18n/en.ts";
import { formatTemplate } from "../../i18n/localize.ts";
import { getTexts } from "../../i18n/texts.ts";
import { escapeHtml } from "../../markdown/plain-text.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { PlaneAuthError, type PlaneError, PlaneInvalidError } from "../../plane/errors.ts";
import { toCompletePut } from "../../procedure/procedure.ts";
import type { Task } from "../../records/plane-records.ts";
import { workKeys } from "../../records/store-keys.ts";
import {
  findClaim,
  STATUS_PROCEDURE,
  type StatusChangeInput,
  type StatusChangeRecord,
} from "../../records/task-records.ts";
import { getRefusal, renderRefusal } from "../../refusals/render-refusal.ts";
import { updateValue } from "../../store/records.ts";
import { isInReview, isOpen, type Status } from "../../task/snapshot.ts";
import { HOUR, type Ms } from "../../time.ts";
import { type CallContext, createCallContext, isAgent, SYSTEM_CALLER } from "../call-context.ts";
import { moveToStatus } from "../change-task.ts";
import { endClaim } from "../claim-lease.ts";
import { findStoredTask, findTask } from "../find-task.ts";
import { postComment, postStatusComment } from "../post-comment.ts";
import { prepareWorkEvent } from "../work-events.ts";

type StatusFailure = NonNullable<StatusChangeInput["failure"]>;

/** Interval between notifications about the same failure: 1 h. */
const REPEAT_MS: Ms = HOUR;

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
  // Its record is replaced.
  if (write === "upload") await postStatusComment(context, task);
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
  const record = workKeys.procedure(STATUS_PROCEDURE.name, task.id);
  return updateValue<StatusChangeRecord, StatusFailure>(deps, record, async (stored, rev) => {
    const at = await deps.store.now();
    const before = stored?.input.failure;
    const isRepeat = before?.text === text && at - before.at < REPEAT_MS;
    const failure = isRepeat ? before : { text, at, id: deps.newId() };
    const { id } = failure;
    const attempt = { subject: task.id, id, input: { agent: caller.name, status, failure } };
    const put = [toCompletePut(STATUS_PROCEDURE, attempt, at)];
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

/** Whether Plane would refuse the same request again, so that a retry is useless (OPENCLAW-15). */
export function isPermanentError(thrown: unknown): thrown is PlaneError {
  return thrown instanceof PlaneInvalidError || thrown instanceof PlaneAuthError;
}
