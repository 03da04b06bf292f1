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
 * Who holds a task. The lease under the same key is the proof; this says since when and for whom. It is written only
 * under that lease, after it was taken or renewed: it may promise less time than the lease has, never more.
 */
export interface KeptClaim {
  item: string;
  project: string;
  agent: string;
  fence: number;
  /** Store time. */
  since: Ms;
  until: Ms;
  /** What the agent knows its task to be: that it is anything else (but in progress) is somebody else's doing. */
  words: Status[];
}

type ClaimDeps = Pick<WorkDeps, "store" | "kick">;

/** A loss is said at the next call, at the latest after so long. */
const LOSS_MS: Ms = 7 * DAY;

/** The claim of a task, if somebody holds one (its time may have run out). */
export async function findClaim(deps: Pick<WorkDeps, "store">, item: string): Promise<KeptClaim | undefined> {
  const [kept] = await deps.store.read<KeptClaim>([workKeys.claim(item)]);
  return kept?.value;
}

/** The claims of these tasks, in order; undefined where nobody holds one whose time has not run out. */
export async function readLiveClaims(
  deps: Pick<WorkDeps, "store">,
  items: readonly string[],
): Promise<(KeptClaim | undefined)[]> {
  const [kept, now] = await Promise.all([deps.store.read<KeptClaim>(items.map(workKeys.claim)), deps.store.now()]);
  return kept.map((one) => (one && one.value.until > now ? one.value : undefined));
}

/**
 * Takes the claim of an open task that is the caller's and waits for nothing, or renews it. Throws `forbidden` when
 * the task is another's, `conflict` when somebody else holds it (who, since when, until when), when it waits for
 * another task, or when it is over.
 */
export async function claimTask(context: CallContext, task: Task): Promise<KeptClaim> {
  const { deps, caller } = context;
  await requireOwner(context, task);
  if (!isOpen(task.item.snapshot.word))
    throw new GroundcrewError("conflict", `${task.key} is ${task.item.snapshot.word}: there is nothing left to claim.`);
  requireNotInReview(task);
  const [mine] = await readLiveClaims(deps, [task.id]);
  if (mine?.agent !== caller.name) await requireStartable(context, task);
  return takeClaim(context, task);
}

/**
 * The caller's claim, renewed; taken when nobody holds one. Unlike an explicit claim it is refused once when the
 * caller lost the claim since its last call, so that nobody works on unaware. `waiting`: also taken of a task that
 * waits for others.
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
    // Nobody could renew it while we were away: that is not the agent's fault.
    if (!(await hasBeenDown(deps, now)) || !(await reviveClaim(deps, current))) {
      await endClaim(deps, current, "expired", correlation);
      await throwIfClaimLost(context, task);
    }
  }
  if (current?.agent !== caller.name && !allowWaiting && task.item.blockers.length > 0)
    await requireStartable(context, task);
  return takeClaim(context, task);
}

/** Renews the caller's claim if it holds one: any call about a task does so. */
export async function renewOwnClaim({ deps, caller }: CallContext, task: Task): Promise<void> {
  const claim = await findClaim(deps, task.id);
  if (claim?.agent === caller.name) await renewClaim(deps, claim);
}

/**
 * For right before a write to Plane: proves that the claim is still this one, and renews it so that enough time is
 * left. `words`: what the task may be after the write. Throws `conflict` with who holds it now.
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
    // This process may have been stopped since.
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
      // A claim that is over does not come back: the next one has a new number.
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
 * Ends a claim: nobody holds the task any more, and what follows (timers stop, an expired task goes back to todo, the
 * human is told) is a job of the same commit. `why` undefined: its agent is through with it. False when the claim was
 * no longer this one, or, for `expired`, has been renewed in time.
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
  const now = await findClaim(deps, task.id);
  if (now && now.agent !== caller.name) return createClaimHeldError(task, now.agent, now.until, now.since);
  return createClaimLostError(task, { why: "expired", at: claim.until, since: claim.since });
}

/** Throws once when the caller lost its claim on the task and has not been told yet. */
export async function throwIfClaimLost({ deps, caller }: CallContext, task: Task): Promise<void> {
  const key = workKeys.lost(caller.name, task.id);
  const [loss] = await deps.store.read<KeptClaimLoss>([key]);
  if (!loss) return;
  await deps.store.commit({ expect: [[key, loss.rev]], put: [{ key, value: undefined }] });
  throw createClaimLostError(task, loss.value);
}

/** What waits for a human's review is held by nobody. */
export function requireNotInReview({ key, item }: Task): void {
  if (!isInReview(item)) return;
  const advice = "waits for a human's review: you are told what came of it. Take another task.";
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
