import { DEFAULT_CLAIM_MINUTES } from "../../config/settings-file.ts";
import { GroundcrewError } from "../../errors.ts";
import { localizeMoment } from "../../i18n/localize.ts";
import { formatTemplate } from "../../i18n/template.ts";
import { getTexts } from "../../i18n/texts/get-texts.ts";
import type { WorkJobBody } from "../../jobs/work-jobs.ts";
import { escapeHtml } from "../../markdown/escape-html.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { PlaneNotFoundError } from "../../plane/errors.ts";
import type { KeptItem } from "../../task/snapshot.ts";
import { DAY, formatIsoTime, MINUTE, type Ms } from "../../time.ts";
import { queueCardWrite } from "../card/card-record.ts";
import { moveToStatus } from "../changes/move-to-status.ts";
import { isClaimHeld } from "../claims/claim-lease.ts";
import type { KeptClaimLoss } from "../claims/claim-refusals.ts";
import { postComment } from "../comments/post-comment.ts";
import { type CallContext, createCallContext, type WorkDeps } from "../context/call-context.ts";
import { SYSTEM_CALLER } from "../context/caller.ts";
import { workKeys } from "../context/work-keys.ts";
import { isPermanentError } from "../lifecycle/fail-status-change.ts";
import { findKeptTask, refreshTask, type Task } from "../tasks/find-task.ts";
import { publishWorkEvent } from "../tasks/publish-work-event.ts";
import { stopTimers } from "../time/timer-changes.ts";

type ClaimEnd = Extract<WorkJobBody, { do: "ended" }>;

/**
 * Timeout for the lease that keeps agents from claiming a task while it is returned: 2 min, the lease of a work job.
 */
const GUARD_MS: Ms = 2 * MINUTE;

/** Retention of the record that the end of a claim has been handled: 7 days, longer than a job is retried. */
const KEPT_MS: Ms = 7 * DAY;

/**
 * Handles the end of a claim: updates the card, returns a task whose agent fell silent, or whose work a person stopped,
 * to todo with a comment, and publishes who lost the claim and why. Each step happens once, also when the job is
 * repeated.
 */
export async function handleClaimEnd(deps: WorkDeps, claimEnd: ClaimEnd): Promise<void> {
  const { item, agent, fence, at, since, why: reason, minutes, by, correlation } = claimEnd;
  const task = await findKeptTask(deps, item);
  if (task) await stopTimers(deps, task, { agent, fence, at });
  await queueCardWrite(deps, item, correlation);
  if (!task || !reason || (reason === "expired" && !needsAgent(task.item))) return;
  const current = reason === "expired" || reason === "stopped" ? await returnToTodo(deps, task, claimEnd) : task;
  const record = workKeys.ended(item, fence);
  const put = [{ key: record, value: { at }, expires: KEPT_MS }];
  await publishWorkEvent(
    deps,
    current,
    { kind: "claim_lost", agent, why: reason, since: formatIsoTime(since, "UTC"), ...omitUndefined({ minutes, by }) },
    correlation,
    {
      record,
      rev: 0,
      put,
    },
  );
}

/**
 * Whether an agent should be working on the item: an expired claim has no effect on closed, blocked or reviewed tasks.
 */
function needsAgent({ gone, review, snapshot: { word } }: KeptItem): boolean {
  return gone === undefined && !review && (word === "todo" || word === "in_progress");
}

/** Returns the task to todo under a lease that prevents claims; does nothing when an agent has claimed it already. */
async function returnToTodo(deps: WorkDeps, task: Task, claimEnd: ClaimEnd): Promise<Task> {
  const key = workKeys.claim(task.id);
  // The process that ended the claim may have been killed before it released the claim's lease.
  await deps.store.release(key, claimEnd.fence);
  const lease = await deps.store.lease(key, SYSTEM_CALLER.name, GUARD_MS);
  if (!("fence" in lease)) return task;
  try {
    const context = guardCalls(createCallContext(deps, SYSTEM_CALLER, claimEnd.correlation), task, lease);
    await refreshTask(context, task);
    const current = (await findKeptTask(deps, task.id)) ?? task;
    const isStop = claimEnd.why === "stopped";
    const isUnfinished = current.item.snapshot.word === "in_progress" && needsAgent(current.item);
    if (!isUnfinished && !isStop) return current;
    const returned = isUnfinished ? await moveToStatus(context, current, "todo") : current;
    const comment = isStop ? renderStoppedComment(deps, claimEnd) : renderExpiredComment(deps, claimEnd);
    await postComment(context, returned, `${claimEnd.why}:${task.id}:${claimEnd.fence}`, comment);
    return returned;
  } catch (thrown) {
    const isGone = thrown instanceof GroundcrewError && thrown.code === "not_found";
    if (isGone || thrown instanceof PlaneNotFoundError) return task;
    if (!isPermanentError(thrown)) throw thrown;
    // Plane refuses the change. People have to make it, so the lost claim is published anyway.
    const { correlation } = claimEnd;
    deps.log.warn("task not returned to todo", { correlation, item: task.key, error: thrown.message });
    return (await findKeptTask(deps, task.id)) ?? task;
  } finally {
    await deps.store.release(key, lease.fence);
  }
}

/** Returns a context whose requests fail once the lease has ended. */
function guardCalls(context: CallContext, task: Task, { fence }: { fence: number }): CallContext {
  const { deps, plane } = context;
  async function requireGuard() {
    if (!(await isClaimHeld(deps, { item: task.id, fence })))
      throw new GroundcrewError("conflict", `${task.key} was not returned to todo in time. The job is retried.`);
  }
  return {
    ...context,
    plane: {
      ...plane,
      call: (endpoint, callOptions) =>
        plane.call(endpoint, {
          ...callOptions,
          async beforeSend() {
            await requireGuard();
            await callOptions?.beforeSend?.();
          },
        }),
    },
  };
}

function renderExpiredComment(
  { settings }: WorkDeps,
  {
    agent,
    since,
    at,
    minutes = DEFAULT_CLAIM_MINUTES,
  }: { agent: string } & Pick<KeptClaimLoss, "since" | "at" | "minutes">,
): string {
  const { comments } = getTexts(settings.locale);
  const values = {
    agent: escapeHtml(agent),
    from: localizeMoment(comments.locale, settings.timezone, since, 0),
    to: localizeMoment(comments.locale, settings.timezone, at, since),
    minutes: String(minutes),
  };
  return `<p>${formatTemplate(comments.expired, values)}</p>`;
}

function renderStoppedComment({ settings }: WorkDeps, { agent, by = "?" }: Pick<ClaimEnd, "agent" | "by">): string {
  const { comments } = getTexts(settings.locale);
  return `<p>${formatTemplate(comments.stopped, { agent: escapeHtml(agent), by: escapeHtml(by) })}</p>`;
}
