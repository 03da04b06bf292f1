import { GroundcrewError } from "../../errors.ts";
import { formatTemplate } from "../../i18n/template.ts";
import { getTexts } from "../../i18n/texts/get-texts.ts";
import type { WorkJobBody } from "../../jobs/work-jobs.ts";
import { escapeHtml } from "../../markdown/escape-html.ts";
import { PlaneNotFoundError } from "../../plane/errors.ts";
import type { KeptItem } from "../../task/snapshot.ts";
import { DAY, formatIsoTime, MINUTE, type Ms } from "../../time.ts";
import { queueCardWrite } from "../card/card-record.ts";
import { moveToStatus } from "../changes/move-to-status.ts";
import { createClaim, isClaimHeld } from "../claims/claim-lease.ts";
import type { KeptClaimLoss } from "../claims/claim-refusals.ts";
import { postComment } from "../comments/post-comment.ts";
import { type CallContext, createCallContext, type WorkDeps } from "../context/call-context.ts";
import { SYSTEM_CALLER } from "../context/caller.ts";
import { workKeys } from "../context/work-keys.ts";
import { isPermanentError } from "../lifecycle/fail-status-change.ts";
import { findKeptTask, refreshTask, type Task } from "../tasks/find-task.ts";
import { publishWorkEvent } from "../tasks/publish-work-event.ts";
import { stopTimers } from "../time/time-entries.ts";

type ClaimEnd = Extract<WorkJobBody, { do: "ended" }>;

/** As long as the work on one job may take: meanwhile nobody claims the task that is put back. */
const GUARD_MS: Ms = 2 * MINUTE;

/** What was done about an end is remembered for so long. */
const KEPT_MS: Ms = 7 * DAY;

/**
 * What follows from the end of a claim: timers stop and the card says so; a task whose agent fell silent goes back to
 * todo with a comment; who lost a claim and why is told to people. Each once, however often it is begun.
 */
export async function handleClaimEnd(deps: WorkDeps, claimEnd: ClaimEnd): Promise<void> {
  const { item, agent, fence, at, since, why: reason, correlation } = claimEnd;
  await stopTimers(deps, item, agent, at, fence);
  await queueCardWrite(deps, item, correlation);
  const task = reason && (await findKeptTask(deps, item));
  if (!task || (reason === "expired" && !needsAgent(task.item))) return;
  const current = reason === "expired" ? await returnToTodo(deps, task, claimEnd) : task;
  const record = workKeys.ended(item, fence);
  const put = [{ key: record, value: { at }, expires: KEPT_MS }];
  await publishWorkEvent(
    deps,
    current,
    { kind: "claim_lost", agent, why: reason, since: formatIsoTime(since) },
    correlation,
    {
      record,
      rev: 0,
      put,
    },
  );
}

/** An end by silence matters only where somebody should have been at it: not to what is over, blocked or in review. */
function needsAgent({ gone, review, snapshot: { word } }: KeptItem): boolean {
  return gone === undefined && !review && (word === "todo" || word === "in_progress");
}

/** Brings the task back to todo while nobody can claim it; leaves it alone when somebody has. */
async function returnToTodo(deps: WorkDeps, task: Task, claimEnd: ClaimEnd): Promise<Task> {
  const key = workKeys.claim(task.id);
  const lease = await deps.store.lease(key, SYSTEM_CALLER.name, GUARD_MS);
  if (!("fence" in lease)) return task;
  try {
    const context = guardCalls(createCallContext(deps, SYSTEM_CALLER, claimEnd.correlation), task, lease);
    await refreshTask(context, task);
    const current = (await findKeptTask(deps, task.id)) ?? task;
    if (current.item.snapshot.word !== "in_progress" || !needsAgent(current.item)) return current;
    const returned = await moveToStatus(context, current, "todo");
    await postComment(context, returned, `expired:${task.id}:${claimEnd.fence}`, renderExpiredComment(deps, claimEnd));
    return returned;
  } catch (thrown) {
    const isGone = thrown instanceof GroundcrewError && thrown.code === "not_found";
    if (isGone || thrown instanceof PlaneNotFoundError) return task;
    if (!isPermanentError(thrown)) throw thrown;
    // Plane will not let it be done: then people have to, and they are told all the same.
    const { correlation } = claimEnd;
    deps.log.warn("a task could not be put back", { correlation, item: task.key, error: thrown.message });
    return (await findKeptTask(deps, task.id)) ?? task;
  } finally {
    await deps.store.release(key, lease.fence);
  }
}

/** The same hands, which begin no request once the lease is over. */
function guardCalls(context: CallContext, task: Task, lease: { fence: number; until: Ms }): CallContext {
  const { deps, plane } = context;
  const guardClaim = createClaim(task, SYSTEM_CALLER.name, lease);
  async function requireGuard() {
    if (!(await isClaimHeld(deps, guardClaim)))
      throw new GroundcrewError("conflict", `${task.key} could not be put back to todo in time. It is tried again.`);
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
  { agent, since, at }: { agent: string } & Pick<KeptClaimLoss, "since" | "at">,
): string {
  const { comments } = getTexts(settings.locale);
  const values = {
    agent: escapeHtml(agent),
    from: formatIsoTime(since),
    to: formatIsoTime(at),
  };
  return `<p>${formatTemplate(comments.expired, values)}</p>`;
}
