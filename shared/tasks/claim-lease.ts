/**
 * A claim is one record, which is its own lease: how long it lasts, and how it is renewed, verified before every write
 * to Plane, and ended together with the timer. A refusal says who holds the task, or why the claim was lost.
 */

import { prepareTimerEnd } from "../accounting/timer.ts";
import type { TaskDeps } from "../app/deps.ts";
import { canBeWoken, DEFAULT_CLAIM_MINUTES, type FileSettings } from "../config/settings-file.ts";
import { GroundcrewError } from "../errors.ts";
import { createClaimEndedJob, createPostJob, createWorkJob, HANDOVER_MS } from "../jobs/internal-jobs.ts";
import { keepDefined, omitUndefined } from "../omit-undefined.ts";
import { type ClaimEnd, type ClaimLoss, type ClaimRecord, findClaim } from "../records/claim-record.ts";
import type { Task } from "../records/plane-records.ts";
import { workKeys, workSets } from "../records/store-keys.ts";
import type { Put, Store } from "../store/port.ts";
import { mergeUpdates, updateValue, type ValueUpdate } from "../store/records.ts";
import type { ClaimLossReason } from "../task/events.ts";
import type { Status } from "../task/snapshot.ts";
import { DAY, formatIsoTime, MINUTE, type Ms } from "../time.ts";
import type { CallContext } from "./call-context.ts";

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
export const STOP_ADVICE =
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
    expectedStatuses: [item.snapshot.status],
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
  { expectedStatuses, isExpired = false }: { expectedStatuses?: Status[] | undefined; isExpired?: boolean } = {},
): Promise<ClaimRecord | undefined> {
  return updateValue<ClaimRecord, ClaimRecord | undefined>(deps, workKeys.claim(claim.item), async (stored) => {
    const renewedAt = await deps.store.now();
    const isHeld = stored?.fence === claim.fence && !stored.end && (isExpired || stored.until > renewedAt);
    if (!isHeld) return { result: undefined };
    // The stored end may be later than the last renewal allowed, when the store's clock was set back since.
    const left = Math.min(stored.until - renewedAt, getRenewedDuration(stored));
    const until = renewedAt + Math.max(getClaimDuration(deps.settings), left);
    const renewed: ClaimRecord = { ...stored, renewedAt, until, ...omitUndefined({ expectedStatuses }) };
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
  const minutes = reason === "expired" ? getIdleMinutes(claim) : undefined;
  const end: ClaimEnd = { at: Math.min(now, claim.until), ...omitUndefined({ reason, minutes, ...stop }) };
  const losses: ClaimLoss[] = [...(claim.losses ?? []), ...(reason ? [{ ...end, reason, agent, since }] : [])];
  const body = { type: "claim_ended", item, agent, fence, correlation, since, ...end } as const;
  const createJob = reason === "stopped" ? createPostJob : createWorkJob;
  const jobs = keepDefined([
    createJob(`claim_ended:${item}:${fence}`, `work:${item}`, { ...body, ...omitUndefined({ isPublished }) }),
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

/** Whole minutes from a claim's last renewal to its end, which may be those of other settings. */
const getIdleMinutes = (claim: ClaimRecord) => Math.round(getRenewedDuration(claim) / MINUTE);

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
 * `statuses`: the statuses the task may have after the write. Throws `conflict` with who holds the task now.
 */
export async function verifyClaim(context: CallContext, task: Task, claim: ClaimRecord, statuses?: Status[]) {
  const { deps } = context;
  for (;;) {
    const renewed = await renewClaim(deps, claim, { expectedStatuses: statuses });
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
  const { until: at, since } = claim;
  return createClaimLostError(task, { reason: "expired", at, since, minutes: getIdleMinutes(claim) }, timezone);
}

function createClaimLostError(
  { key }: Task,
  { reason, at, since, minutes = DEFAULT_CLAIM_MINUTES, by = "a person", words }: Omit<ClaimLoss, "agent">,
  timeZone: string,
): GroundcrewError {
  const [from, to] = [formatIsoTime(since, timeZone), formatIsoTime(at, timeZone)];
  if (reason === "stopped") {
    const stop = { by, at, ...omitUndefined({ words }) };
    const loss = `${formatStop(key, stop, timeZone)} You held it since ${from}; nothing has been written since it was stopped.`;
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
export function formatStop(key: string, { by, at, words }: Omit<ClaimEnd, "by"> & { by: string }, zone: string) {
  const reason = words === undefined ? "" : `, who wrote: ${JSON.stringify(words)}`;
  return `${key} was stopped by ${by} at ${formatIsoTime(at, zone)}${reason}.`;
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
