import { GroundcrewError } from "../../errors.ts";
import { createWorkJob } from "../../jobs/work-jobs.ts";
import { keepDefined } from "../../keep-defined.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { updateValue } from "../../store/update.ts";
import { isBlocked, isOpen } from "../../task/diff.ts";
import type { Status } from "../../task/snapshot.ts";
import { DAY, type Ms } from "../../time.ts";
import type { CallContext, WorkDeps } from "../context/call-context.ts";
import { CLAIM_MS, MIN_WRITE_MS, workKeys } from "../context/work-keys.ts";
import type { Task } from "../tasks/find-task.ts";
import { isInReview } from "../tasks/is-in-review.ts";
import { readOpenBlockers } from "../tasks/open-blockers.ts";
import { requireOwner } from "../tasks/require-owner.ts";
import {
  createClaim,
  isClaimHeld,
  readClaimState,
  renewClaim,
  reviveClaim,
  toClaimPut,
  toEndedClaimPut,
} from "./claim-lease.ts";
import { createClaimHeldError, createClaimLostError, type KeptClaimLoss } from "./claim-refusals.ts";
import { hasBeenDown } from "./downtime.ts";

/**
 * The holder of a task. The lease under the same key is authoritative; this record adds the agent and the start. It is
 * written only under that lease, after it was taken or renewed, so it may end before the lease, never after it.
 */
export interface KeptClaim {
  item: string;
  project: string;
  agent: string;
  fence: number;
  /** Store time. */
  since: Ms;
  until: Ms;
  /** Statuses the agent expects its task to have. Any other one, except in progress, was set by another user. */
  words: Status[];
}

type ClaimDeps = Pick<WorkDeps, "store" | "kick">;

/** Retention of a lost claim: 7 days, within which the agent's next call about the task reports it. */
const LOSS_MS: Ms = 7 * DAY;

/** Finds the claim of a task. It may have expired. */
export async function findClaim(deps: Pick<WorkDeps, "store">, item: string): Promise<KeptClaim | undefined> {
  const [kept] = await deps.store.read<KeptClaim>([workKeys.claim(item)]);
  return kept?.value;
}

/** Reads the claims of these tasks, in order; undefined for a task without a claim and for an expired claim. */
export async function readLiveClaims(
  deps: Pick<WorkDeps, "store">,
  items: readonly string[],
): Promise<(KeptClaim | undefined)[]> {
  const [kept, now] = await Promise.all([deps.store.read<KeptClaim>(items.map(workKeys.claim)), deps.store.now()]);
  return kept.map((record) => (record && record.value.until > now ? record.value : undefined));
}

/**
 * Takes or renews the claim of an open task that is assigned to the caller and not blocked. Throws `forbidden` when the
 * task belongs to another agent, `conflict` when another agent holds it (with who, since when and until when), when it
 * has open blockers, and when it is closed or in review.
 */
export async function claimTask(context: CallContext, task: Task): Promise<KeptClaim> {
  const { deps, caller } = context;
  await requireOwner(context, task);
  if (!isOpen(task.item.snapshot.word))
    throw new GroundcrewError("conflict", `${task.key} is ${task.item.snapshot.word}. Closed tasks cannot be claimed.`);
  requireNotInReview(task);
  const [claim] = await readLiveClaims(deps, [task.id]);
  if (claim?.agent !== caller.name) await requireStartable(context, task);
  return takeClaim(context, task);
}

/**
 * Renews the caller's claim, or takes it when no agent holds the task. Unlike `claimTask`, it is refused once when the
 * caller has lost the claim since its last call, so that no agent continues unaware. `waiting`: also claims a task with
 * open blockers.
 */
export async function ensureClaim(
  context: CallContext,
  task: Task,
  { waiting: allowWaiting = false } = {},
): Promise<KeptClaim> {
  const { deps, caller, correlation } = context;
  await requireOwner(context, task);
  await throwIfClaimLost(context, task);
  requireNotInReview(task);
  const current = await findClaim(deps, task.id);
  const now = await deps.store.now();
  if (current?.agent === caller.name && current.until <= now) {
    // While Groundcrew was down no call could renew the claim, so the agent keeps it.
    if (!(await hasBeenDown(deps, now)) || !(await reviveClaim(deps, current))) {
      await endClaim(deps, current, "expired", correlation);
      await throwIfClaimLost(context, task);
    }
  }
  if (current?.agent !== caller.name && !allowWaiting && task.item.blockers.length > 0)
    await requireStartable(context, task);
  return takeClaim(context, task);
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
  claim: KeptClaim,
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

async function takeClaim({ deps, caller, correlation }: CallContext, task: Task): Promise<KeptClaim> {
  const key = workKeys.claim(task.id);
  for (;;) {
    const { kept: current, over: endedClaim, expect } = await readClaimState(deps, task.id);
    if (current?.value.agent === caller.name) {
      const renewed = await renewClaim(deps, current.value);
      if (renewed) return renewed;
    }
    const lease = await deps.store.lease(key, caller.name, CLAIM_MS);
    if (!("fence" in lease)) {
      const wasReleased =
        endedClaim?.value.agent === lease.heldBy && (await deps.store.release(key, endedClaim.value.fence));
      if (wasReleased) continue;
      throw createClaimHeldError(
        task,
        lease.heldBy,
        lease.until,
        current?.value.agent === lease.heldBy ? current.value.since : undefined,
      );
    }
    if (lease.fence === endedClaim?.value.fence) {
      // A claim that has ended is not reused: the next one gets a new fencing number.
      await deps.store.release(key, lease.fence);
      continue;
    }
    if (current) {
      if (current.value.fence !== lease.fence) await endClaim(deps, current.value, "expired", correlation);
      continue;
    }
    const claim = createClaim(task, caller.name, lease);
    const outcome = await deps.store.commit({
      expect,
      fence: [key, lease.fence],
      put: [toClaimPut(claim), { key: workKeys.lost(caller.name, task.id), value: undefined }],
      jobs: [
        createWorkJob(`mirror:${task.id}:${lease.fence}`, `work:${task.id}`, {
          do: "mirror",
          item: task.id,
          correlation,
        }),
        createWorkJob(`card:${task.id}:claim:${lease.fence}`, `card:${task.id}`, {
          do: "card",
          item: task.id,
          agent: caller.name,
          correlation,
        }),
      ],
    });
    if (outcome !== "kept") continue;
    deps.log.info("task claimed", { correlation, item: task.key, agent: caller.name, fence: lease.fence });
    deps.kick();
    return claim;
  }
}

/**
 * Ends a claim. What follows (timers stop, an expired task returns to todo, the human is notified) is a job in the same
 * commit. `reason` is undefined when the agent itself is finished with the task. False when the claim is no longer the
 * current one or, for `expired`, was renewed in time.
 */
export async function endClaim(
  deps: ClaimDeps,
  claim: KeptClaim,
  reason: KeptClaimLoss["why"] | undefined,
  correlation: string,
): Promise<boolean> {
  const { item, agent, fence, since } = claim;
  const key = workKeys.claim(item);
  return updateValue<KeptClaim, boolean>(deps, key, async (current) => {
    if (!current || current.fence !== fence) return { result: false };
    if (reason === "expired" && (await isClaimHeld(deps, claim))) return { result: false };
    const at = Math.min(await deps.store.now(), current.until);
    const loss: KeptClaimLoss | undefined = reason && { why: reason, at, since };
    return {
      put: keepDefined([
        { key, value: undefined },
        toEndedClaimPut(claim, fence),
        loss ? { key: workKeys.lost(agent, item), value: loss, expires: LOSS_MS } : undefined,
      ]),
      jobs: [
        createWorkJob(`ended:${item}:${fence}`, `work:${item}`, {
          do: "ended",
          item,
          agent,
          fence,
          since,
          at,
          correlation,
          ...omitUndefined({ why: reason }),
        }),
      ],
      result: true,
      afterCommit: async () => {
        await deps.store.release(key, fence);
        deps.kick();
      },
    };
  });
}

async function createLossError(context: CallContext, task: Task, claim: KeptClaim): Promise<GroundcrewError> {
  const { deps, caller, correlation } = context;
  await endClaim(deps, claim, "expired", correlation);
  await throwIfClaimLost(context, task);
  const current = await findClaim(deps, task.id);
  if (current && current.agent !== caller.name)
    return createClaimHeldError(task, current.agent, current.until, current.since);
  return createClaimLostError(task, { why: "expired", at: claim.until, since: claim.since });
}

/** Throws once when the caller has lost its claim on the task and no call has reported that yet. */
export async function throwIfClaimLost({ deps, caller }: CallContext, task: Task): Promise<void> {
  const key = workKeys.lost(caller.name, task.id);
  const [loss] = await deps.store.read<KeptClaimLoss>([key]);
  if (!loss) return;
  await deps.store.commit({ expect: [[key, loss.rev]], put: [{ key, value: undefined }] });
  throw createClaimLostError(task, loss.value);
}

/** Throws `conflict` for a task in review, which no agent may hold. */
export function requireNotInReview({ key, item }: Task): void {
  if (!isInReview(item)) return;
  const advice = "waits for a human's review. You are notified of the result. Take another task.";
  throw new GroundcrewError("conflict", `${key} ${advice}`);
}

async function requireStartable({ deps }: CallContext, task: Task): Promise<void> {
  if (!isBlocked(task.item)) return;
  const blockers = await readOpenBlockers(deps, [task.item]);
  const names = task.item.blockers
    .flatMap((id) => blockers.get(id) ?? [])
    .map(({ key, status: word }) => `${key} (${word})`);
  const reason = names.length > 0 ? `waits for ${names.join(", ")}` : "is marked as blocked";
  throw new GroundcrewError("conflict", `${task.key} cannot be started: it ${reason}. Take another task.`);
}
