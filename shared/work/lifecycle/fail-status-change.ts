import { GroundcrewError, getErrorMessage } from "../../errors.ts";
import { formatTemplate } from "../../i18n/template.ts";
import { getTexts } from "../../i18n/texts/get-texts.ts";
import type { RefusalName } from "../../i18n/texts/refusal-texts.ts";
import { escapeHtml } from "../../markdown/escape-html.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { PlaneAuthError, type PlaneError, PlaneInvalidError } from "../../plane/errors.ts";
import type { Refusal } from "../../refusal.ts";
import { getRefusal, renderRefusal } from "../../refusals/render-refusal.ts";
import { updateValue } from "../../store/update.ts";
import { isOpen } from "../../task/diff.ts";
import type { Status } from "../../task/snapshot.ts";
import { HOUR, type Ms } from "../../time.ts";
import { moveToStatus } from "../changes/move-to-status.ts";
import { endClaim } from "../claims/end-claim.ts";
import { findClaim } from "../claims/find-claim.ts";
import { postComment } from "../comments/post-comment.ts";
import { type CallContext, createCallContext } from "../context/call-context.ts";
import { SYSTEM_CALLER } from "../context/caller.ts";
import { workKeys } from "../context/work-keys.ts";
import { findKeptTask, type Task } from "../tasks/find-task.ts";
import { prepareWorkEvent } from "../tasks/publish-work-event.ts";
import { type KeptStatusAttempt, toStatusAttemptPut } from "./status-attempt.ts";

type StatusFailure = NonNullable<KeptStatusAttempt["failed"]>;

/** Interval between notifications about the same failure: 1 h. */
const REPEAT_MS: Ms = HOUR;

/** Whether Plane would refuse the same request again, so that a retry is useless (OPENCLAW-15). */
export function isPermanentError(thrown: unknown): thrown is PlaneError {
  return thrown instanceof PlaneInvalidError || thrown instanceof PlaneAuthError;
}

/**
 * Handles Plane's refusal to let an agent change a task's status: logs it, notifies the human, blocks the task with a
 * comment if Groundcrew's own key may, and ends the claim. Returns the error for the agent.
 */
export async function failStatusChange(
  context: CallContext,
  task: Task,
  status: Status,
  thrown: PlaneError,
): Promise<GroundcrewError> {
  const { deps, caller, correlation } = context;
  const text = `${caller.name} could not set it to ${status}: ${thrown.message}`;
  deps.log.error("status change refused by Plane", {
    correlation,
    item: task.key,
    agent: caller.name,
    error: thrown.message,
  });
  const cause = getRefusal(thrown);
  const refusal: Refusal = {
    name: "statusNotSet" satisfies RefusalName,
    values: { agent: caller.name, status },
    ...omitUndefined({ reason: cause }),
  };
  const failure = await recordFailure(context, task, status, text, refusal);
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

/** Stores the failed attempt and publishes it in one commit. */
async function recordFailure(
  context: CallContext,
  task: Task,
  status: Status,
  text: string,
  refusal: Refusal,
): Promise<StatusFailure> {
  const { deps, caller, correlation } = context;
  const key = workKeys.attempt(task.id);
  return updateValue<KeptStatusAttempt, StatusFailure>(deps, key, async (kept, rev) => {
    const now = await deps.store.now();
    const before = kept?.failed;
    const isRepeat = before?.text === text && now - before.at < REPEAT_MS;
    const failed = isRepeat ? before : { text, at: now, id: deps.newId() };
    const attempt: KeptStatusAttempt = {
      item: task.id,
      agent: caller.name,
      status,
      id: failed.id,
      at: now,
      failed,
      over: true,
    };
    if (isRepeat) {
      await deps.store.commit({ put: [toStatusAttemptPut(attempt)] });
      return { result: failed };
    }
    const event = { kind: "failed", agent: caller.name, text, refusal } as const;
    const put = [toStatusAttemptPut(attempt)];
    const update = await prepareWorkEvent(deps, task, event, correlation, { record: key, rev, put });
    return { ...update, result: failed };
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
    const task = (await findKeptTask(deps, initialTask.id)) ?? initialTask;
    const { word } = task.item.snapshot;
    const { comments, telegram } = getTexts(deps.settings.locale);
    const reason = renderRefusal(telegram, refusal) ?? text;
    if (isOpen(word)) await moveToStatus(systemContext, task, "blocked");
    await postComment(
      systemContext,
      task,
      `failed:${task.id}:${id}`,
      `<p>${formatTemplate(comments.failed, { reason: escapeHtml(reason) })}</p>`,
    );
    return isOpen(word);
  } catch (thrown) {
    deps.log.warn("task not blocked after refused status change", {
      correlation,
      item: initialTask.key,
      error: getErrorMessage(thrown),
    });
    return false;
  }
}
