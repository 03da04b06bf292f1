/**
 * Claiming a task: an agent takes a claim when it starts a task, if it may and if no one else holds it. A claim is one
 * record, which is its own lease: how long it lasts, and how it is renewed, verified before every write to Plane, and
 * ended together with the timer. A refusal says who holds the task, or why the claim was lost.
 */

import { isInWork, prepareTimerEnd, prepareTimerStart } from "../accounting/timer.ts";
import type { TaskDeps } from "../app/deps.ts";
import { canBeWoken, DEFAULT_CLAIM_MINUTES, type FileSettings } from "../config/settings-file.ts";
import { GroundcrewError } from "../errors.ts";
import { createClaimEndedJob, createPostJob, createWorkJob, HANDOVER_MS, toLabelsLane } from "../jobs/internal-jobs.ts";
import { keepDefined, omitUndefined } from "../omit-undefined.ts";
import { type ClaimEnd, type ClaimLoss, type ClaimRecord, findClaim, readLiveClaims } from "../records/claim-record.ts";
import type { Task } from "../records/plane-records.ts";
import { observedKeys, workKeys, workSets } from "../records/store-keys.ts";
import type { Put, Store } from "../store/port.ts";
import { mergeUpdates, updateValue, type ValueUpdate } from "../store/records.ts";
import { evaluateBlockers, readRelations } from "../sync/blockers.ts";
import type { ClaimLossReason } from "../task/events.ts";
import { type ItemRecord, isBlocked, isInReview, isOpen, type Status } from "../task/snapshot.ts";
import { DAY, formatIsoTime, MINUTE, type Ms, SECOND } from "../time.ts";
import { requireOwner, toManagedPut } from "./access.ts";
import type { CallContext } from "./call-context.ts";
import { findStoredTask, formatOpenBlockers } from "./find-task.ts";
import { readHiddenTasks } from "./plan-record.ts";

/**
 * Delay after a claim before the labels of its task are synchronized: 15 s, longer than the call that claims may wait
 * for its turns at Plane, so that the lists of labels which both write do not overwrite each other.
 */
const MIRROR_DELAY_MS: Ms = 15 * SECOND;

/**
 * Takes or renews the claim of an open task that is assigned to the caller and not blocked. Throws `forbidden` when the
 * task belongs to another agent, `conflict` when another agent holds it (with who, since when and until when), when it
 * has open blockers, and when it is closed or in review.
 */
export async function claimTask(context: CallContext, storedTask: Task): Promise<ClaimRecord> {
  const task = await requireClaimable(context, storedTask);
  const { status } = task.item.snapshot;
  if (!isOpen(status))
    throw new GroundcrewError("conflict", `${task.key} is ${status}. Closed tasks cannot be claimed.`);
  const [claim] = await readLiveClaims(context.deps, [task.id]);
  if (claim?.agent !== context.caller.name) await requireStartable(context, task);
  return takeClaim(context, task);
}

/**
 * Throws `forbidden` for a task of others and `conflict` for one in review; else returns it with its blockers known:
 * they are read from Plane, with one request, when the first look at its project has not come to them yet.
 */
async function requireClaimable(context: CallContext, task: Task): Promise<Task> {
  await requireOwner(context, task);
  requireNotInReview(task);
  if (!task.item.blockersUnknown) return task;
  const { deps, correlation, eitherPlane } = context;
  const source = { project: task.project, correlation, cause: correlation };
  await readRelations({ ...deps, plane: eitherPlane }, task.item, source);
  await evaluateBlockers(deps, task.id, correlation);
  return (await findStoredTask(deps, task.id)) ?? task;
}

/** Throws as `requireFree`, and `conflict` for a task that is blocked, with the keys and statuses of its open blockers. */
async function requireStartable(context: CallContext, task: Task): Promise<void> {
  await requireFree(context, task);
  if (!isBlocked(task.item)) return;
  const blockers = await formatOpenBlockers(context, task);
  const reason = blockers === "" ? "is marked as blocked" : `waits for ${blockers}`;
  throw new GroundcrewError("conflict", `${task.key} cannot be started: it ${reason}. Take another task.`);
}

/**
 * Throws `stopped` for a task that a person stopped, and `conflict` for one whose plan is incomplete: what it depends on
 * may not be known yet.
 */
async function requireFree({ deps }: CallContext, { key, item }: Task): Promise<void> {
  if (item.stopped) throw createStoppedError(key, item.stopped, deps.settings.timezone);
  if (!(await readHiddenTasks(deps))(item)) return;
  const advice = "It is listed by list_my_tasks as soon as the plan is complete. Take another task.";
  throw new GroundcrewError("conflict", `${key} belongs to a plan that is still being created. ${advice}`);
}

async function takeClaim({ deps, caller, correlation }: CallContext, task: Task): Promise<ClaimRecord> {
  const key = workKeys.claim(task.id);
  for (;;) {
    // The item is expected unchanged, because an observation that starts the work looks for the claim.
    const [[last], [item]] = await Promise.all([
      deps.store.read<ClaimRecord>([key]),
      deps.store.read<ItemRecord>([observedKeys.item(task.id)]),
    ]);
    // After the read, so that the claim does not begin before the end of the last one.
    const now = await deps.store.now();
    if (last && !last.value.end) {
      const renewed = last.value.agent === caller.name ? await renewClaim(deps, last.value) : undefined;
      if (renewed) return renewed;
      if (last.value.agent !== caller.name && last.value.until > now)
        throw createClaimHeldError(task, last.value, deps.settings.timezone);
      await endClaim(deps, last.value, "expired", correlation);
      continue;
    }
    const claim = createClaim(deps.settings, task, caller.name, last?.value, now);
    const { item: id, fence } = claim;
    const mirror = { type: "mirror", item: id, correlation } as const;
    const card = { type: "card", item: id, correlation } as const;
    const update: ValueUpdate = {
      expect: [
        [key, last?.rev ?? 0],
        [observedKeys.item(id), item?.rev ?? 0],
      ],
      put: [toClaimPut(claim), toManagedPut(id)],
      jobs: [
        createWorkJob(`mirror:${id}:${fence}`, toLabelsLane(id), mirror, now + MIRROR_DELAY_MS),
        createWorkJob(`card:${id}:claim:${fence}`, `card:${id}`, card),
      ],
    };
    const time = item && isInWork(item.value) ? await prepareTimerStart(deps, task, claim) : {};
    if ((await deps.store.commit(mergeUpdates([update, time]))) !== "committed") continue;
    deps.log.info("task claimed", { correlation, item: task.key, agent: caller.name, fence });
    deps.notify();
    deps.notify({ queue: "work", after: MIRROR_DELAY_MS });
    return claim;
  }
}

/**
 * Renews the caller's claim, or takes it when no agent holds the task. Unlike `claimTask`, it is refused once when the
 * caller has lost the claim since its last call, so that no agent continues unaware. `waiting`: also claims a task with
 * open blockers.
 */
export async function ensureClaim(context: CallContext, storedTask: Task, { waiting: allowWaiting = false } = {}) {
  const { deps, caller, correlation } = context;
  await throwIfClaimLost(context, storedTask);
  const task = await requireClaimable(context, storedTask);
  const current = await findClaim(deps, task.id);
  if (current?.agent !== caller.name) {
    await (allowWaiting || task.item.blockers.length === 0 ? requireFree : requireStartable)(context, task);
  } else {
    const renewed = await renewOwnClaim(context, task);
    if (renewed) return renewed;
    await endClaim(deps, current, "expired", correlation);
    await throwIfClaimLost(context, task);
  }
  return takeClaim(context, task);
}

/** Throws `conflict` for a task in review, which no agent may hold. */
export function requireNotInReview({ key, item }: Task): void {
  if (!isInReview(item)) return;
  const advice = "waits for a human's review. You are notified of the result. Take another task.";
  throw new GroundcrewError("conflict", `${key} ${advice}`);
}

type LeaseDeps = Pick<TaskDeps, "store" | "settings">;

type ClaimEndDeps = Pick<TaskDeps, "store" | "notify" | "settings" | "metrics">;

/** The person who stopped the work, and what they wrote; whether they and the agent have been told of it. */
interface Stop {
  by?: string | undefined;
  words?: string | undefined;
  isPublished?: true;
}

/** The record of the last run of the claims tick. */
export interface LastClaimScan {
  /** Store time. */
  at: Ms;
  /** Projects for which claims have been restored since the store was created. */
  restored: string[];
}

/** Timeout for the claims tick: 2 min, because it runs every minute. A longer gap means that Groundcrew was down. */
const DOWN_AFTER_MS: Ms = 2 * MINUTE;

/** Retention of a claim that has ended: 7 days, within which the agent's next call about the task reports a loss. */
const ENDED_MS: Ms = 7 * DAY;

/** What an agent must do about a task that a person stopped. */
const STOP_ADVICE =
  "Stop working on it and leave it: it can be claimed again once a person comments on it, changes its state or assigns it. Take another task.";

/** Minimum time left of a claim before a write to Plane: Plane's request timeout of 30 s plus 5 s. */
export const MIN_WRITE_MS: Ms = 35_000;

/** Creates the claim that follows on the last one of the task, and begins at this store time. */
export function createClaim(
  settings: TaskDeps["settings"],
  { id, project, item }: Task,
  agent: string,
  last: ClaimRecord | undefined,
  now: Ms,
): ClaimRecord {
  const losses = (last?.losses ?? []).filter((loss) => loss.agent !== agent);
  return {
    item: id,
    project: project.id,
    agent,
    fence: Math.max((last?.fence ?? 0) + 1, now),
    since: now,
    renewedAt: now,
    until: now + getClaimDuration(settings),
    status: item.snapshot.status,
    ...omitUndefined({ losses: losses.length > 0 ? losses : undefined }),
  };
}

/**
 * Renews a claim for its full time; undefined when it has ended or expired. It never ends earlier than it would, so
 * that a shorter setting does not take away time an agent was promised. `isExpired`: continues it also when it has
 * expired, as long as nobody has ended it.
 */
export async function renewClaim(
  deps: LeaseDeps,
  claim: ClaimRecord,
  { status, isExpired = false }: { status?: Status | undefined; isExpired?: boolean } = {},
): Promise<ClaimRecord | undefined> {
  return updateValue<ClaimRecord, ClaimRecord | undefined>(deps, workKeys.claim(claim.item), async (stored) => {
    const renewedAt = await deps.store.now();
    const isHeld = stored?.fence === claim.fence && !stored.end && (isExpired || stored.until > renewedAt);
    if (!isHeld) return { result: undefined };
    // The stored end may be later than the last renewal allowed, when the store's clock was set back since.
    const left = Math.min(stored.until - renewedAt, getRenewedDuration(stored));
    const until = renewedAt + Math.max(getClaimDuration(deps.settings), left);
    const renewed: ClaimRecord = { ...stored, renewedAt, until, ...omitUndefined({ status }) };
    return { put: [toClaimPut(renewed)], result: renewed };
  });
}

/**
 * Ends a claim, and its timer with it. What follows (an expired task returns to todo, the human is notified, the agent
 * is woken for its other tasks) are jobs in the same commit. `reason` is undefined when the agent itself is finished
 * with the task. False when the claim is no longer the current one or, for `expired`, was renewed in time.
 */
export async function endClaim(
  deps: ClaimEndDeps,
  claim: ClaimRecord,
  reason: ClaimLossReason | undefined,
  correlation: string,
  stop: Stop = {},
): Promise<boolean> {
  return updateValue<ClaimRecord, boolean>(deps, workKeys.claim(claim.item), async (current) => {
    if (current?.fence !== claim.fence || current.end) return { result: false };
    if (reason === "expired" && current.until > (await deps.store.now())) return { result: false };
    return { ...(await prepareClaimEnd(deps, current, reason, correlation, stop)), result: true };
  });
}

/** Prepares the end of a claim, for a commit that expects its record to be unchanged. */
export async function prepareClaimEnd(
  deps: ClaimEndDeps,
  claim: ClaimRecord,
  reason: ClaimLossReason | undefined,
  correlation: string,
  { isPublished, ...stop }: Stop = {},
): Promise<Required<ValueUpdate>> {
  const { item, agent, fence, since } = claim;
  const now = await deps.store.now();
  const minutes = reason === "expired" ? deps.settings.claim_minutes : undefined;
  const end: ClaimEnd = { at: Math.min(now, claim.until), ...omitUndefined({ reason, minutes, ...stop }) };
  const losses: ClaimLoss[] = [...(claim.losses ?? []), ...(reason ? [{ ...end, reason, agent, since }] : [])];
  const body = { type: "claim_ended", item, agent, fence, correlation, since, ...end } as const;
  const createJob = reason === "stopped" ? createPostJob : createWorkJob;
  // What the call that ends it reports last is in the same edit of the card.
  const due = reason ? now : now + SECOND;
  const jobs = keepDefined([
    createJob(`claim_ended:${item}:${fence}`, `work:${item}`, { ...body, ...omitUndefined({ isPublished }) }, due),
    canBeWoken(deps.settings, agent)
      ? createClaimEndedJob({ item, since, at: end.at }, claim, now + HANDOVER_MS)
      : undefined,
  ]);
  const afterCommit = () => {
    deps.metrics.count("groundcrew_claims_ended_total", { reason: reason ?? "finished" });
    deps.notify();
  };
  const own = { put: [toClaimPut({ ...claim, end, losses })], jobs, afterCommit };
  return mergeUpdates([await prepareTimerEnd(deps, claim, end.at), own]);
}

/** A claim that has ended is in no set any more, and is forgotten after 7 days. */
export function toClaimPut(claim: ClaimRecord): Put {
  const key = workKeys.claim(claim.item);
  if (claim.end) return { key, value: claim, expires: ENDED_MS };
  return { key, value: claim, sets: [workSets.claims, workSets.claimsOf(claim.agent)] };
}

/** Timeout for a claim that no call of its agent renews: `claim_minutes` of the settings file. */
export function getClaimDuration({ claim_minutes }: Pick<FileSettings, "claim_minutes">): Ms {
  return claim_minutes * MINUTE;
}

const getRenewedDuration = ({ renewedAt, until }: Pick<ClaimRecord, "renewedAt" | "until">): Ms => until - renewedAt;

/** Whether the store's clock was set back since the claim was last renewed, so that its stored end is too late. */
export function isRenewedInFuture(claim: Pick<ClaimRecord, "renewedAt" | "until">, now: Ms): boolean {
  return claim.until - now > getRenewedDuration(claim);
}

/** Whether Groundcrew was down until just now: claims that expired meanwhile could not be renewed. */
export async function hasBeenDown(deps: { store: Pick<Store, "read"> }, now: Ms): Promise<boolean> {
  const [lastScan] = await deps.store.read<LastClaimScan>([workKeys.lastClaimsTick]);
  return lastScan !== undefined && now - lastScan.value.at > DOWN_AFTER_MS;
}

/** The refusal for a task that another agent holds. Times are in `timeZone`. */
export function createClaimHeldError({ key }: Task, { agent, since, until }: ClaimRecord, timeZone: string) {
  const period = `since ${formatIsoTime(since, timeZone)}, until ${formatIsoTime(until, timeZone)} unless renewed`;
  return new GroundcrewError("conflict", `${key} is held by ${agent} ${period}. Take another task; do not retry.`);
}

/**
 * Renews the caller's claim if it holds one, as every call about a task does; also one that expired while Groundcrew
 * was down, because no call could renew it then. Returns it.
 */
export async function renewOwnClaim({ deps, caller }: CallContext, task: Task): Promise<ClaimRecord | undefined> {
  const claim = await findClaim(deps, task.id);
  if (claim?.agent !== caller.name) return undefined;
  return renewClaim(deps, claim, { isExpired: await hasBeenDown(deps, await deps.store.now()) });
}

/**
 * Verifies right before a write to Plane that the claim is still valid, and renews it so that enough time is left.
 * `status`: the one that the task has from now on. Throws `conflict` with who holds the task now.
 */
export async function verifyClaim(context: CallContext, task: Task, claim: ClaimRecord, status?: Status) {
  const { deps } = context;
  for (;;) {
    const renewed = await renewClaim(deps, claim, { status });
    if (!renewed) throw await createLossError(context, task, claim);
    // The process may have been suspended since the renewal.
    if (renewed.until - (await deps.store.now()) >= MIN_WRITE_MS) return;
  }
}

async function createLossError(context: CallContext, task: Task, claim: ClaimRecord): Promise<GroundcrewError> {
  const { deps, caller, correlation } = context;
  await endClaim(deps, claim, "expired", correlation);
  await throwIfClaimLost(context, task);
  const current = await findClaim(deps, task.id);
  const { timezone } = deps.settings;
  if (current && current.agent !== caller.name) return createClaimHeldError(task, current, timezone);
  return createClaimLostError(task, { reason: "expired", at: claim.until, since: claim.since }, timezone);
}

function createClaimLostError(
  { key }: Task,
  { reason, at, since, minutes = DEFAULT_CLAIM_MINUTES, by = "a person", words }: Omit<ClaimLoss, "agent">,
  timeZone: string,
): GroundcrewError {
  const [from, to] = [formatIsoTime(since, timeZone), formatIsoTime(at, timeZone)];
  if (reason === "stopped") {
    const loss = `You held it since ${from}; nothing has been written since it was stopped. `;
    return createStoppedError(key, { by, at, ...omitUndefined({ words }) }, timeZone, loss);
  }
  const reasons: Record<Exclude<ClaimLossReason, "stopped">, string> = {
    expired: `the claim expired because no call renewed it for ${minutes} minutes`,
    reassigned: "the task was reassigned in Plane",
    moved: "the status of the task was changed in Plane",
    deleted: "the project was deleted",
  };
  const loss = `You lost ${key}, which you held from ${from} to ${to}: ${reasons[reason]}. Nothing has been written since.`;
  const advice = "Read it with get_task_details. If it is still yours, claim it again with claim_task.";
  return new GroundcrewError("conflict", `${loss} ${advice}`);
}

/** `ONB-4 was stopped by Ada at 2026-11-24T14:02:00Z, who wrote: "stop: wrong customer".` */
export function createStoppedError(
  key: string,
  { by, at, words }: { by: string; at: Ms; words?: string },
  zone: string,
  loss = "",
) {
  const reason = words === undefined ? "" : `, who wrote: ${JSON.stringify(words)}`;
  const stop = `${key} was stopped by ${by} at ${formatIsoTime(at, zone)}${reason}.`;
  return new GroundcrewError("stopped", `${stop} ${loss}${STOP_ADVICE}`);
}

/** Throws once when the caller has lost its claim on the task (for one of `reasons`) and no call has reported that yet. */
export async function throwIfClaimLost(
  { deps, caller }: CallContext,
  task: Task,
  reasons?: readonly ClaimLossReason[],
): Promise<void> {
  const key = workKeys.claim(task.id);
  const loss = await updateValue<ClaimRecord, ClaimLoss | undefined>(deps, key, (claim) => {
    const result = claim?.losses?.findLast(({ agent }) => agent === caller.name);
    if (!claim || !result || reasons?.includes(result.reason) === false) return { result: undefined };
    const losses = claim.losses?.filter(({ agent }) => agent !== caller.name);
    return { put: [toClaimPut({ ...claim, ...omitUndefined({ losses }) })], result };
  });
  if (loss) throw createClaimLostError(task, loss, deps.settings.timezone);
}
