/**
 * What happens to claims without a call of their agent: the claims tick ends those that expired or whose task was
 * moved, the end of a claim returns the task to todo, and a lost store gets its claims back from the cards.
 */

import { isInWork, prepareTimerStart } from "../../accounting/timer.ts";
import type { TaskDeps } from "../../app/deps.ts";
import { DEFAULT_CLAIM_MINUTES } from "../../config/settings-file.ts";
import { GroundcrewError } from "../../errors.ts";
import { formatTemplate, localizeMoment } from "../../i18n/localize.ts";
import { getTexts } from "../../i18n/texts.ts";
import { createWorkJob, type WorkJobBody } from "../../jobs/internal-jobs.ts";
import { escapeHtml } from "../../markdown/plain-text.ts";
import { changeFields, omitUndefined } from "../../omit-undefined.ts";
import { PlaneNotFoundError } from "../../plane/errors.ts";
import { type ClaimRecord, findClaim } from "../../records/claim-record.ts";
import { listReadableProjects, type Task } from "../../records/plane-records.ts";
import { observedSets, workKeys, workSets } from "../../records/store-keys.ts";
import { findStatusAttempt } from "../../records/task-records.ts";
import type { Job } from "../../store/port.ts";
import { mergeUpdates, scanRows, updateValue } from "../../store/records.ts";
import type { ItemRecord } from "../../task/snapshot.ts";
import { DAY, formatIsoTime, MINUTE, type Ms } from "../../time.ts";
import { createCallContext, SYSTEM_CALLER } from "../call-context.ts";
import { restoreLostCard } from "../card-comment.ts";
import { queueCardWrite } from "../card-record.ts";
import { moveToStatus } from "../change-task.ts";
import {
  createClaim,
  endClaim,
  hasBeenDown,
  isRenewedInFuture,
  type LastClaimScan,
  renewClaim,
  toClaimPut,
} from "../claim-lease.ts";
import { findStoredTask, refreshTask } from "../find-task.ts";
import { readTaskQuestions, restoreQuestions, syncTimer } from "../people/questions.ts";
import { postComment } from "../post-comment.ts";
import { prepareWorkEvent } from "../work-events.ts";
import { isPermanentError } from "./status-change.ts";

type ClaimEndBody = Extract<WorkJobBody, { type: "claim_ended" }>;

/** Claims of waiting agents are renewed 2 min before they expire: longer than the tick's interval of 1 min. */
const RENEW_BEFORE_MS: Ms = 2 * MINUTE;

/** Timeout for a human's answer: 1 day. Then the claim is no longer renewed, and the question stays open. */
const ANSWER_WAIT_MS: Ms = DAY;

/** Timeout for the guard that keeps agents from claiming a task while it is returned: 2 min, the lease of a work job. */
const GUARD_MS: Ms = 2 * MINUTE;

/**
 * Checks every claim and ends those that have expired and those whose task was moved or reassigned in Plane. Claims
 * that expired while Groundcrew was down are renewed, because no call could renew them.
 */
export async function expireClaims(deps: TaskDeps, correlation: string): Promise<{ claims: number; ended: number }> {
  const now = await deps.store.now();
  const wasDown = await hasBeenDown(deps, now);
  const counts = { claims: 0, ended: 0 };
  for await (const { value: claim } of scanRows<ClaimRecord>(deps, workSets.claims)) {
    counts.claims += 1;
    if (await endIfOver(deps, claim, { now, wasDown, correlation })) counts.ended += 1;
  }
  await recordScan(deps, now, correlation);
  return counts;
}

async function endIfOver(
  deps: TaskDeps,
  claim: ClaimRecord,
  { now, wasDown, correlation }: { now: Ms; wasDown: boolean; correlation: string },
): Promise<boolean> {
  const task = await findStoredTask(deps, claim.item);
  const reason = task && (task.project.deleted ? "deleted" : findLossReason(claim, task.item));
  // A person may approve the result while its agent is still reporting it: then the agent has finished by itself.
  const { input, step } = (reason === "moved" && (await findStatusAttempt(deps, claim.item))) || {};
  const isFinishing = input?.agent === claim.agent && input.status !== "in_progress" && step !== undefined;
  if (isFinishing) return endClaim(deps, claim, undefined, correlation);
  const { by, words } = task?.item.stopped ?? {};
  if (reason) return endClaim(deps, claim, reason, correlation, { by, words });
  const keepClaim = async () => (await renewClaim(deps, claim, { isExpired: true })) !== undefined;
  // The store's clock was set back, so it is unknown how long ago the agent called: the claim is renewed once.
  if (isRenewedInFuture(claim, now) && isRenewedInFuture(claim, await deps.store.now()))
    return (await keepClaim()) ? false : endClaim(deps, claim, "expired", correlation);
  const isDue = claim.until <= now + RENEW_BEFORE_MS;
  if (isDue && (await isWaitingForAnswer(deps, claim, now)) && (await keepClaim())) return false;
  if (claim.until <= now) {
    if (wasDown && (await keepClaim())) return false;
    return endClaim(deps, claim, "expired", correlation);
  }
  if (task?.item.snapshot.status === "in_progress" && !claim.expectedStatuses.includes("in_progress"))
    await recordStart(deps, claim);
  if (task) await syncTimer(deps, task);
  return false;
}

function findLossReason(claim: ClaimRecord, { removedAt, owners, stopped, snapshot: { status } }: ItemRecord) {
  if (removedAt !== undefined) return "moved";
  if (stopped) return "stopped";
  if (owners && !owners.includes(claim.agent)) return "reassigned";
  return status === "in_progress" || claim.expectedStatuses.includes(status) ? undefined : "moved";
}

/** Whether the agent waits for a human's answer: it has no reason to call meanwhile, so it does not count as silent. */
async function isWaitingForAnswer(deps: TaskDeps, { item, agent }: ClaimRecord, now: Ms): Promise<boolean> {
  const questions = await readTaskQuestions(deps, item);
  return questions.some(
    ({ from, verdict, createdAt }) => from === agent && !verdict && now - createdAt < ANSWER_WAIT_MS,
  );
}

/** Records that people started a claimed task in Plane: if it returns to todo later, the claim is lost. */
async function recordStart(deps: TaskDeps, claim: ClaimRecord): Promise<void> {
  await updateValue<ClaimRecord>(deps, workKeys.claim(claim.item), (stored) =>
    stored?.fence === claim.fence && !stored.end && !stored.expectedStatuses.includes("in_progress")
      ? { put: [toClaimPut({ ...stored, expectedStatuses: ["in_progress"] })] }
      : undefined,
  );
}

/** Records the scan. Once per project, queues jobs that restore the claims of tasks that were already in progress. */
async function recordScan(deps: TaskDeps, at: Ms, correlation: string): Promise<void> {
  const key = workKeys.lastClaimsTick;
  const [lastScan] = await deps.store.read<LastClaimScan>([key]);
  const restored = new Set(lastScan?.value.restored);
  const jobs: Job[] = [];
  for (const { id, baseline } of await listReadableProjects(deps)) {
    if (!baseline || restored.has(id)) continue;
    restored.add(id);
    for await (const { value } of scanRows<ItemRecord>(deps, observedSets.open(id))) {
      const { id: item, status } = value.snapshot;
      if (status !== "in_progress" || !value.owners?.length) continue;
      const body = { type: "restore_claim", item, correlation } as const;
      jobs.push(createWorkJob(`restore_claim:${item}:${correlation}`, `work:${item}`, body));
    }
  }
  const value: LastClaimScan = { at, restored: [...restored] };
  await deps.store.commit({ expect: [[key, lastScan?.rev ?? 0]], put: [{ key, value }], jobs });
  if (jobs.length > 0) deps.notify();
}

/** Ends the claim on an item after a change in Plane that moved or reassigned it. */
export async function checkClaim(deps: TaskDeps, { item, correlation }: { item: string; correlation: string }) {
  const claim = await findClaim(deps, item);
  const now = await deps.store.now();
  if (claim && claim.until > now) await endIfOver(deps, claim, { now, wasDown: false, correlation });
}

/**
 * Handles the end of a claim: updates the card, returns a task whose agent fell silent, or whose work a person stopped,
 * to todo with a comment, and publishes who lost the claim and why. Each step happens once, also when the job is
 * repeated.
 */
export async function handleClaimEnd(deps: TaskDeps, claimEnd: ClaimEndBody): Promise<void> {
  const { item, agent, fence, since, reason, minutes, by, correlation } = claimEnd;
  const task = await findStoredTask(deps, item);
  // A deleted project has no card to update.
  if (reason !== "deleted") await queueCardWrite(deps, item, correlation);
  if (!task || !reason || (reason === "expired" && !needsAgent(task.item))) return;
  const current = reason === "expired" || reason === "stopped" ? await returnToTodo(deps, task, claimEnd) : task;
  if (claimEnd.isPublished) return;
  const lost = { kind: "claim_lost", agent, why: reason, since: formatIsoTime(since, "UTC") } as const;
  const event = { ...lost, ...omitUndefined({ minutes, by }) };
  // Its fencing number identifies the claim, so that an event which is published again causes no second job.
  const record = { record: workKeys.claim(item), rev: fence };
  const update = await prepareWorkEvent(deps, current, event, correlation, record);
  await deps.store.commit({ put: update.put, jobs: update.jobs });
  update.afterCommit();
}

/**
 * Whether an agent should be working on the item: an expired claim has no effect on closed, blocked or reviewed tasks.
 */
function needsAgent({ removedAt, review, snapshot: { status } }: ItemRecord): boolean {
  return removedAt === undefined && !review && (status === "todo" || status === "in_progress");
}

/** Returns the task to todo under a guard that prevents claims; does nothing when an agent has claimed it already. */
async function returnToTodo(deps: TaskDeps, task: Task, claimEnd: ClaimEndBody): Promise<Task> {
  if (!(await setGuard(deps, claimEnd, (await deps.store.now()) + GUARD_MS))) return task;
  try {
    const context = createCallContext(deps, SYSTEM_CALLER, claimEnd.correlation);
    const beforeSend = () => requireGuard(deps, task, claimEnd);
    await refreshTask(context, task);
    const current = (await findStoredTask(deps, task.id)) ?? task;
    const isStop = claimEnd.reason === "stopped";
    const isUnfinished = current.item.snapshot.status === "in_progress" && needsAgent(current.item);
    if (!isUnfinished && !isStop) return current;
    const returned = isUnfinished ? await moveToStatus(context, current, "todo", { beforeSend }) : current;
    const comment = renderClaimEndComment(deps, claimEnd);
    await postComment(context, returned, `${claimEnd.reason}:${task.id}:${claimEnd.fence}`, comment);
    return returned;
  } catch (thrown) {
    const isGone = thrown instanceof GroundcrewError && thrown.code === "not_found";
    if (isGone || thrown instanceof PlaneNotFoundError) return task;
    if (!isPermanentError(thrown)) throw thrown;
    // Plane refuses the change. People have to make it, so the lost claim is published anyway.
    const { correlation } = claimEnd;
    deps.log.warn("task not returned to todo", { correlation, item: task.key, error: thrown.message });
    return (await findStoredTask(deps, task.id)) ?? task;
  } finally {
    await setGuard(deps, claimEnd, undefined);
  }
}

/** Sets or removes the guard of a claim that has ended; false when another claim has followed. */
async function setGuard(
  deps: TaskDeps,
  { item, fence }: Pick<ClaimRecord, "item" | "fence">,
  guardedUntil: Ms | undefined,
): Promise<boolean> {
  return updateValue<ClaimRecord, boolean>(deps, workKeys.claim(item), (claim) =>
    claim?.fence === fence && claim.end
      ? { put: [toClaimPut(changeFields(claim, { guardedUntil }))], result: true }
      : { result: false },
  );
}

/** Throws `conflict` once the guard has ended: an agent may have claimed the task. */
async function requireGuard({ store }: TaskDeps, { id, key }: Task, { fence }: ClaimEndBody): Promise<void> {
  const [[claim], now] = await Promise.all([store.read<ClaimRecord>([workKeys.claim(id)]), store.now()]);
  if (claim?.value.fence === fence && (claim.value.guardedUntil ?? 0) > now) return;
  throw new GroundcrewError("conflict", `${key} was not returned to todo in time. The job is retried.`);
}

function renderClaimEndComment(
  { settings }: TaskDeps,
  { reason, agent, since, at, minutes = DEFAULT_CLAIM_MINUTES, by = "?" }: ClaimEndBody,
): string {
  const { comments } = getTexts(settings.locale);
  const values = {
    agent: escapeHtml(agent),
    by: escapeHtml(by),
    from: localizeMoment(comments.locale, settings.timezone, since, 0),
    to: localizeMoment(comments.locale, settings.timezone, at, since),
    minutes: String(minutes),
  };
  return `<p>${formatTemplate(reason === "stopped" ? comments.stopped : comments.expired, values)}</p>`;
}

/**
 * Restores the claim of a task in progress after the store was lost, for the agent named on its card, as if that agent
 * had just renewed it. An active agent continues; the claim of an inactive one expires.
 */
export async function restoreClaim(deps: TaskDeps, { item, correlation }: { item: string; correlation: string }) {
  const task = await findStoredTask(deps, item);
  // A task in review, or one that a person stopped, has no holder.
  if (!task || !isInWork(task.item) || task.item.stopped) return;
  const { agent, since } = (await restoreLostCard(deps, task)) ?? {};
  if (agent === undefined || !task.item.owners?.includes(agent)) return;
  await restoreQuestions(deps, task, agent, correlation);
  const key = workKeys.claim(item);
  const [last] = await deps.store.read<ClaimRecord>([key]);
  if (last && !last.value.end) return;
  const taken = createClaim(deps.settings, task, agent, last?.value, await deps.store.now());
  const put = [toClaimPut({ ...taken, ...omitUndefined({ since }) })];
  // What was spent before is on the card.
  const time = await prepareTimerStart(deps, task, taken);
  const outcome = await deps.store.commit(mergeUpdates([{ expect: [[key, last?.rev ?? 0]], put }, time]));
  if (outcome === "committed")
    deps.log.info("claim restored from the agent card", { correlation, item: task.key, agent });
}
