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
import { omitUndefined } from "../../omit-undefined.ts";
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
} from "../claims.ts";
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
  // It may be the agent's own change, which ends the claim itself; or a person approves the result before it is done.
  const { input, step } = (reason === "moved" && (await findStatusAttempt(deps, claim.item))) || {};
  if (input?.agent === claim.agent && step !== undefined) return false;
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
  if (task?.item.snapshot.status === "in_progress" && claim.status !== "in_progress") await recordStart(deps, claim);
  if (task) await syncTimer(deps, task);
  return false;
}

function findLossReason(claim: ClaimRecord, { removedAt, owners, stopped, snapshot: { status } }: ItemRecord) {
  if (removedAt !== undefined) return "moved";
  if (stopped) return "stopped";
  if (owners && !owners.includes(claim.agent)) return "reassigned";
  return status === "in_progress" || status === claim.status ? undefined : "moved";
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
    stored?.fence === claim.fence && !stored.end
      ? { put: [toClaimPut({ ...stored, status: "in_progress" })] }
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

/** Returns the task to todo, unless it has been claimed again. Where Plane refuses that, people have to do it. */
async function returnToTodo(deps: TaskDeps, task: Task, claimEnd: ClaimEndBody): Promise<Task> {
  const { correlation, reason, fence } = claimEnd;
  const context = createCallContext(deps, SYSTEM_CALLER, correlation);
  const beforeSend = async () => {
    const [last] = await deps.store.read<ClaimRecord>([workKeys.claim(task.id)]);
    if (last?.value.fence !== fence) throw new GroundcrewError("conflict", `${task.key} has been claimed again.`);
  };
  try {
    await refreshTask(context, task);
    const current = (await findStoredTask(deps, task.id)) ?? task;
    const isUnfinished = current.item.snapshot.status === "in_progress" && needsAgent(current.item);
    if (!isUnfinished && reason !== "stopped") return current;
    await beforeSend();
    const returned = isUnfinished ? await moveToStatus(context, current, "todo", { beforeSend }) : current;
    await postComment(context, returned, `${reason}:${task.id}:${fence}`, renderClaimEndComment(deps, claimEnd));
    return returned;
  } catch (thrown) {
    const isRefused = thrown instanceof GroundcrewError || thrown instanceof PlaneNotFoundError;
    if (!isRefused && !isPermanentError(thrown)) throw thrown;
    deps.log.warn("task not returned to todo", { correlation, item: task.key, error: thrown.message });
    return (await findStoredTask(deps, task.id)) ?? task;
  }
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
