/**
 * A claim is one record with a lease: how long it lasts, and how it is taken, renewed, continued after a downtime, verified
 * before every write to Plane, and ended together with the timer. A refusal says who holds the task, or why it was lost.
 */

import { prepareTimerEnd } from "../accounting/timer.ts";
import type { TaskDeps } from "../app/deps.ts";
import { canBeWoken, DEFAULT_CLAIM_MINUTES, type FileSettings } from "../config/settings-file.ts";
import { GroundcrewError } from "../errors.ts";
import { createClaimEndedJob, HANDOVER_MS } from "../jobs/wake-jobs.ts";
import { createPostJob, createWorkJob } from "../jobs/work-jobs.ts";
import { keepDefined, omitUndefined } from "../omit-undefined.ts";
import type { Task } from "../records/plane-records.ts";
import { workKeys, workSets } from "../records/store-keys.ts";
import { type ClaimRecord, findClaim } from "../records/task-records.ts";
import type { Put, Store } from "../store/port.ts";
import { updateValue, type ValueUpdate } from "../store/records.ts";
import type { ClaimLossReason } from "../task/events.ts";
import type { Status } from "../task/snapshot.ts";
import { DAY, formatIsoTime, MINUTE, type Ms } from "../time.ts";
import { type CallContext, SYSTEM_CALLER } from "./call-context.ts";

type LeaseDeps = Pick<TaskDeps, "store" | "settings">;

type ClaimEndDeps = Pick<TaskDeps, "store" | "notify" | "settings" | "metrics">;

/** The person who stopped the work, and what they wrote. */
interface StopWords {
  by?: string | undefined;
  words?: string | undefined;
}

/** The record of the last run of the claims tick. */
export interface LastClaimScan {
  /** Store time. */
  at: Ms;
  /** Projects for which claims have been restored since the store was created. */
  restored: string[];
}

/** Why a claim ended that its agent did not release itself. */
export interface ClaimLossRecord {
  reason: ClaimLossReason;
  /** Store time. */
  at: Ms;
  since: Ms;
  /** Of an expired claim: for how many minutes no call had renewed it. */
  minutes?: number;
  /** The person who stopped the work, and what they wrote. */
  by?: string;
  words?: string;
}

/** Timeout for the claims tick: 2 min, because it runs every minute. A longer gap means that Groundcrew was down. */
const DOWN_AFTER_MS: Ms = 2 * MINUTE;

/** Retention of a lost claim: 7 days, within which the agent's next call about the task reports it. */
const LOSS_MS: Ms = 7 * DAY;

/** Retention of the record that the end of a claim has been handled: 7 days, longer than a job is retried. */
const CLAIM_END_MS: Ms = 7 * DAY;

/** What an agent must do about a task that a person stopped. */
export const STOP_ADVICE =
  "Stop working on it and leave it: it can be claimed again once a person comments on it, changes its state or assigns it. Take another task.";

/** Minimum time left of a claim before a write to Plane: Plane's request timeout of 30 s plus 5 s. */
export const MIN_WRITE_MS: Ms = 35_000;

/**
 * Takes the lease of a claim for the time that the settings give it, or renews it. The returned `renewedAt` is the store
 * time of the lease.
 */
export async function leaseClaim({ store, settings }: LeaseDeps, { item, agent }: Pick<ClaimRecord, "item" | "agent">) {
  const ttl = getClaimDuration(settings);
  const lease = await store.lease(workKeys.claim(item), agent, ttl);
  return "fence" in lease ? { ...lease, renewedAt: lease.until - ttl } : lease;
}

function getRenewedDuration({ renewedAt, until }: Pick<ClaimRecord, "renewedAt" | "until">): Ms {
  return until - renewedAt;
}

/** Creates the record of a claim that begins with this lease. */
export function createClaim(
  { id, project, item }: Task,
  agent: string,
  lease: Pick<ClaimRecord, "fence" | "until" | "renewedAt">,
): ClaimRecord {
  const expectedStatuses = [item.snapshot.status];
  return { item: id, project: project.id, agent, ...lease, since: lease.renewedAt, expectedStatuses };
}

/**
 * Renews a claim for its full time, lease and record in one commit; undefined when it is no longer valid. It never ends
 * earlier than it would, so that a shorter setting does not take away time an agent was promised.
 */
export async function renewClaim(
  deps: LeaseDeps,
  claim: ClaimRecord,
  expectedStatuses?: Status[],
): Promise<ClaimRecord | undefined> {
  const key = workKeys.claim(claim.item);
  for (;;) {
    const [stored] = await deps.store.read<ClaimRecord>([key]);
    if (stored?.value.fence !== claim.fence) return undefined;
    const renewedAt = await deps.store.now();
    // The stored end may be later than the last renewal allowed, when the store's clock was set back since.
    const left = Math.min(stored.value.until - renewedAt, getRenewedDuration(stored.value));
    const leaseMs = Math.max(getClaimDuration(deps.settings), left);
    const renewal = { renewedAt, until: renewedAt + leaseMs, ...omitUndefined({ expectedStatuses }) };
    const renewed: ClaimRecord = { ...stored.value, ...renewal };
    const put = [toClaimPut(renewed)];
    const outcome = await deps.store.commit({ expect: [[key, stored.rev]], fence: [key, claim.fence], leaseMs, put });
    if (outcome === "committed") return renewed;
    if (outcome === "fenced") return undefined;
  }
}

/** Continues an expired claim under a new fencing number; false when another agent has taken the task. */
export async function reviveClaim(deps: LeaseDeps, claim: ClaimRecord): Promise<boolean> {
  const key = workKeys.claim(claim.item);
  const lease = await leaseClaim(deps, claim);
  if (!("fence" in lease)) return false;
  for (;;) {
    const [stored] = await deps.store.read<ClaimRecord>([key]);
    if (stored?.value.fence !== claim.fence) break;
    const put = [toClaimPut({ ...stored.value, ...lease })];
    const outcome = await deps.store.commit({ expect: [[key, stored.rev]], fence: [key, lease.fence], put });
    if (outcome === "committed") return true;
    if (outcome === "fenced") return false;
  }
  // The claim has ended meanwhile. Another call of this agent may have begun a new one under the same lease.
  const [current] = await deps.store.read<ClaimRecord>([key]);
  if (current?.value.fence !== lease.fence) await deps.store.release(key, lease.fence);
  return false;
}

/**
 * Ends a claim, and its timer with it. What follows (an expired task returns to todo, the human is notified, the agent
 * is woken for its other tasks) are jobs in the same commit. `stop`: the person who stopped the work, and what they
 * wrote. `reason` is undefined when the agent itself is finished with the task. False when the claim is no longer the
 * current one or, for `expired`, was renewed in time.
 */
export async function endClaim(
  deps: ClaimEndDeps,
  claim: ClaimRecord,
  reason: ClaimLossReason | undefined,
  correlation: string,
  stop: StopWords = {},
): Promise<boolean> {
  return updateValue<ClaimRecord, boolean>(deps, workKeys.claim(claim.item), async (current) => {
    if (!current || current.fence !== claim.fence) return { result: false };
    if (reason === "expired" && (await isClaimHeld(deps, claim))) return { result: false };
    return { ...(await prepareClaimEnd(deps, current, reason, correlation, stop)), result: true };
  });
}

/** Prepares the end of a claim, for a commit that expects its record to be unchanged. */
export async function prepareClaimEnd(
  deps: ClaimEndDeps,
  claim: ClaimRecord,
  reason: ClaimLossReason | undefined,
  correlation: string,
  stop: StopWords = {},
): Promise<ValueUpdate & { put: Put[] }> {
  const { item, agent, fence, since } = claim;
  const key = workKeys.claim(item);
  const now = await deps.store.now();
  const at = Math.min(now, claim.until);
  const period = {
    since,
    at,
    ...omitUndefined({ minutes: reason === "expired" ? getIdleMinutes(claim) : undefined, ...stop }),
  };
  const time = await prepareTimerEnd(deps, claim, at);
  const loss: ClaimLossRecord | undefined = reason && { reason, ...period };
  const body = {
    type: "claim_ended",
    item,
    agent,
    fence,
    correlation,
    ...omitUndefined({ reason }),
    ...period,
  } as const;
  const createJob = reason === "stopped" ? createPostJob : createWorkJob;
  return {
    expect: time.expect,
    put: keepDefined([
      ...time.put,
      { key, value: undefined },
      loss ? { key: workKeys.claimLoss(agent, item), value: loss, expires: LOSS_MS } : undefined,
    ]),
    jobs: keepDefined([
      createJob(`claim_ended:${item}:${fence}`, `work:${item}`, body),
      canBeWoken(deps.settings, agent) ? createClaimEndedJob({ item, since, at }, claim, now + HANDOVER_MS) : undefined,
    ]),
    release: [key, fence],
    afterCommit: () => {
      deps.metrics.count("groundcrew_claims_ended_total", { reason: reason ?? "finished" });
      deps.notify();
    },
  };
}

/** The mark that the end of a claim was published, which happens once. */
export function toClaimEndPut({ item, fence }: Pick<ClaimRecord, "item" | "fence">, at: Ms): Put {
  return { key: workKeys.claimEnd(item, fence), value: { at }, expires: CLAIM_END_MS };
}

export function toClaimPut(claim: ClaimRecord) {
  return { key: workKeys.claim(claim.item), value: claim, sets: [workSets.claims, workSets.claimsOf(claim.agent)] };
}

/** Whether the lease still has the fencing number of this claim. */
export async function isClaimHeld(
  { store }: Pick<TaskDeps, "store">,
  { item, fence }: Pick<ClaimRecord, "item" | "fence">,
): Promise<boolean> {
  return (await store.commit({ fence: [workKeys.claim(item), fence] })) === "committed";
}

/** Timeout for a claim that no call of its agent renews: `claim_minutes` of the settings file. */
export function getClaimDuration({ claim_minutes }: Pick<FileSettings, "claim_minutes">): Ms {
  return claim_minutes * MINUTE;
}

/**
 * The whole minutes between a claim's last renewal and its end. After a change of settings this may differ from
 * `claim_minutes`.
 */
function getIdleMinutes(claim: Pick<ClaimRecord, "renewedAt" | "until">): number {
  return Math.round(getRenewedDuration(claim) / MINUTE);
}

/** Whether the store's clock was set back since the claim was last renewed, so that its stored end is too late. */
export function isRenewedInFuture(claim: Pick<ClaimRecord, "renewedAt" | "until">, now: Ms): boolean {
  return claim.until - now > getRenewedDuration(claim);
}

/** Whether Groundcrew was down until just now: claims that expired meanwhile could not be renewed. */
export async function hasBeenDown(deps: { store: Pick<Store, "read"> }, now: Ms): Promise<boolean> {
  const [lastScan] = await deps.store.read<LastClaimScan>([workKeys.lastClaimsTick]);
  return lastScan !== undefined && now - lastScan.value.at > DOWN_AFTER_MS;
}

/** The refusal for a task that another agent holds until a store time; `since` where it is known. Times are in `timeZone`. */
export function createClaimHeldError(
  { key }: Task,
  holder: string,
  { until, since }: { until: Ms; since: Ms | undefined },
  timeZone: string,
): GroundcrewError {
  if (holder === SYSTEM_CALLER.name)
    return new GroundcrewError("conflict", `${key} is being returned to todo. Try again in 30 seconds.`);
  const from = since === undefined ? "" : ` since ${formatIsoTime(since, timeZone)}`;
  const period = `${from}, until ${formatIsoTime(until, timeZone)} unless renewed`;
  return new GroundcrewError("conflict", `${key} is held by ${holder}${period}. Take another task; do not retry.`);
}

/** Renews the caller's claim if it holds one, as every call about a task does. */
export async function renewOwnClaim({ deps, caller }: CallContext, task: Task): Promise<void> {
  const claim = await findClaim(deps, task.id);
  if (claim?.agent === caller.name) await renewClaim(deps, claim);
}

/**
 * Verifies right before a write to Plane that the claim is still valid, and renews it so that enough time is left.
 * `statuses`: the statuses the task may have after the write. Throws `conflict` with who holds the task now.
 */
export async function verifyClaim(
  context: CallContext,
  task: Task,
  claim: ClaimRecord,
  statuses?: Status[],
): Promise<void> {
  const { deps } = context;
  for (;;) {
    const renewed = await renewClaim(deps, claim, statuses);
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
  if (current && current.agent !== caller.name) return createClaimHeldError(task, current.agent, current, timezone);
  const { until: at, since } = claim;
  return createClaimLostError(task, { reason: "expired", at, since, minutes: getIdleMinutes(claim) }, timezone);
}

function createClaimLostError(
  { key }: Task,
  { reason, at, since, minutes = DEFAULT_CLAIM_MINUTES, by = "a person", words }: ClaimLossRecord,
  timeZone: string,
): GroundcrewError {
  const [from, to] = [formatIsoTime(since, timeZone), formatIsoTime(at, timeZone)];
  if (reason === "stopped") {
    const loss = `${formatStop(key, { by, at, words }, timeZone)} You held it since ${from}; nothing has been written since it was stopped.`;
    return new GroundcrewError("stopped", `${loss} ${STOP_ADVICE}`);
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
export function formatStop(
  key: string,
  { by, at, words }: { by: string; at: Ms; words?: string | undefined },
  zone: string,
) {
  const reason = words === undefined ? "" : `, who wrote: ${JSON.stringify(words)}`;
  return `${key} was stopped by ${by} at ${formatIsoTime(at, zone)}${reason}.`;
}

/** Throws once when a person has stopped the caller's work on the task, whatever the call does with the task. */
export async function throwIfStopped(context: CallContext, task: Task): Promise<void> {
  if (!task.item.stopped) return;
  const [loss] = await context.deps.store.read<ClaimLossRecord>([workKeys.claimLoss(context.caller.name, task.id)]);
  if (loss?.value.reason === "stopped") await throwIfClaimLost(context, task);
}

/** Throws once when the caller has lost its claim on the task and no call has reported that yet. */
export async function throwIfClaimLost({ deps, caller }: CallContext, task: Task): Promise<void> {
  const key = workKeys.claimLoss(caller.name, task.id);
  const [loss] = await deps.store.read<ClaimLossRecord>([key]);
  if (!loss) return;
  await deps.store.commit({ expect: [[key, loss.rev]], put: [{ key, value: undefined }] });
  throw createClaimLostError(task, loss.value, deps.settings.timezone);
}
