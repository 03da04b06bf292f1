import { GroundcrewError } from "../errors.ts";
import type { Ms } from "../store/port.ts";
import { isBlocked, isOpen } from "../task/diff.ts";
import type { Word } from "../task/snapshot.ts";
import type { Acting, WorkDeps } from "./acting.ts";
import { wasAway } from "./away.ts";
import { blockersOf } from "./blockers.ts";
import { claimPut, claimUnder, isHeld, lookUp, overPut, renewClaim, reviveClaim } from "./claim-lease.ts";
import type { Task } from "./find.ts";
import { workJob } from "./jobs.ts";
import { CLAIM_MS, WRITE_MS, workKeys } from "./keys.ts";
import { mustBeMine } from "./owner.ts";
import { heldByAnother, type KeptLoss, lost } from "./refusals.ts";
import { isInReview } from "./there.ts";

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
  words: Word[];
}

type ClaimDeps = Pick<WorkDeps, "store" | "kick">;

/** A loss is said at the next call, at the latest after so long. */
const LOSS_MS: Ms = 7 * 86_400_000;

/** The claim of a task, if somebody holds one (its time may have run out). */
export async function claimOf(deps: Pick<WorkDeps, "store">, item: string): Promise<KeptClaim | undefined> {
  const [kept] = await deps.store.read<KeptClaim>([workKeys.claim(item)]);
  return kept?.value;
}

/** The claims of these tasks, in order; undefined where nobody holds one whose time has not run out. */
export async function liveClaims(
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
export async function claimTask(acting: Acting, task: Task): Promise<KeptClaim> {
  const { deps, caller } = acting;
  await mustBeMine(acting, task);
  if (!isOpen(task.item.snapshot.word))
    throw new GroundcrewError("conflict", `${task.key} is ${task.item.snapshot.word}: there is nothing left to claim.`);
  mustNotBeInReview(task);
  const [mine] = await liveClaims(deps, [task.id]);
  if (mine?.agent !== caller.name) await mustBeStartable(acting, task);
  return take(acting, task);
}

/**
 * The caller's claim, renewed; taken when nobody holds one. Unlike an explicit claim it is refused once when the
 * caller lost the claim since its last call, so that nobody works on unaware. `waiting`: also taken of a task that
 * waits for others.
 */
export async function holdTask(acting: Acting, task: Task, { waiting = false } = {}): Promise<KeptClaim> {
  const { deps, caller, correlation } = acting;
  await mustBeMine(acting, task);
  await sayLoss(acting, task);
  mustNotBeInReview(task);
  const kept = await claimOf(deps, task.id);
  const now = await deps.store.now();
  if (kept?.agent === caller.name && kept.until <= now) {
    // Nobody could renew it while we were away: that is not the agent's fault.
    if (!(await wasAway(deps, now)) || !(await reviveClaim(deps, kept))) {
      await endClaim(deps, kept, "expired", correlation);
      await sayLoss(acting, task);
    }
  }
  if (kept?.agent !== caller.name && !waiting && task.item.blockers.length > 0) await mustBeStartable(acting, task);
  return take(acting, task);
}

/** Renews the caller's claim if it holds one: any call about a task does so. */
export async function renewIfHeld({ deps, caller }: Acting, task: Task): Promise<void> {
  const kept = await claimOf(deps, task.id);
  if (kept?.agent === caller.name) await renewClaim(deps, kept);
}

/**
 * For right before a write to Plane: proves that the claim is still this one, and renews it so that enough time is
 * left. `words`: what the task may be after the write. Throws `conflict` with who holds it now.
 */
export async function proveClaim(acting: Acting, task: Task, claim: KeptClaim, words?: Word[]): Promise<void> {
  const { deps } = acting;
  for (;;) {
    const held = await renewClaim(deps, claim, words);
    if (!held) throw await whyLost(acting, task, claim);
    // This process may have been stopped since.
    if (held.until - (await deps.store.now()) >= WRITE_MS) return;
  }
}

async function take({ deps, caller, correlation }: Acting, task: Task): Promise<KeptClaim> {
  const key = workKeys.claim(task.id);
  for (;;) {
    const { kept, over, expect } = await lookUp(deps, task.id);
    if (kept?.value.agent === caller.name) {
      const renewed = await renewClaim(deps, kept.value);
      if (renewed) return renewed;
    }
    const lease = await deps.store.lease(key, caller.name, CLAIM_MS);
    if (!("fence" in lease)) {
      const left = over?.value.agent === lease.heldBy && (await deps.store.release(key, over.value.fence));
      if (left) continue;
      throw heldByAnother(
        task,
        lease.heldBy,
        lease.until,
        kept?.value.agent === lease.heldBy ? kept.value.since : undefined,
      );
    }
    if (lease.fence === over?.value.fence) {
      // A claim that is over does not come back: the next one has a new number.
      await deps.store.release(key, lease.fence);
      continue;
    }
    if (kept) {
      if (kept.value.fence !== lease.fence) await endClaim(deps, kept.value, "expired", correlation);
      continue;
    }
    const claim = claimUnder(task, caller.name, lease);
    const outcome = await deps.store.commit({
      expect,
      fence: [key, lease.fence],
      put: [claimPut(claim), { key: workKeys.lost(caller.name, task.id), value: undefined }],
      jobs: [
        workJob(`mirror:${task.id}:${lease.fence}`, `work:${task.id}`, { do: "mirror", item: task.id, correlation }),
        workJob(`card:${task.id}:claim:${lease.fence}`, `card:${task.id}`, {
          do: "card",
          ...{ item: task.id, agent: caller.name, correlation },
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
  why: KeptLoss["why"] | undefined,
  correlation: string,
): Promise<boolean> {
  const { item, agent, fence, since } = claim;
  const key = workKeys.claim(item);
  for (;;) {
    const [kept] = await deps.store.read<KeptClaim>([key]);
    if (!kept || kept.value.fence !== fence) return false;
    if (why === "expired" && (await isHeld(deps, claim))) return false;
    const at = Math.min(await deps.store.now(), kept.value.until);
    const loss: KeptLoss | undefined = why && { why, at, since };
    const outcome = await deps.store.commit({
      expect: [[key, kept.rev]],
      put: [
        { key, value: undefined },
        overPut(claim, fence),
        ...(loss ? [{ key: workKeys.lost(agent, item), value: loss, expires: LOSS_MS }] : []),
      ],
      jobs: [
        workJob(`ended:${item}:${fence}`, `work:${item}`, {
          do: "ended",
          ...{ item, agent, fence, since, at, correlation },
          ...(why && { why }),
        }),
      ],
    });
    if (outcome !== "kept") continue;
    await deps.store.release(key, fence);
    deps.kick();
    return true;
  }
}

async function whyLost(acting: Acting, task: Task, claim: KeptClaim): Promise<GroundcrewError> {
  const { deps, caller, correlation } = acting;
  await endClaim(deps, claim, "expired", correlation);
  await sayLoss(acting, task);
  const now = await claimOf(deps, task.id);
  if (now && now.agent !== caller.name) return heldByAnother(task, now.agent, now.until, now.since);
  return lost(task, { why: "expired", at: claim.until, since: claim.since });
}

/** Throws once when the caller lost its claim on the task and has not been told yet. */
export async function sayLoss({ deps, caller }: Acting, task: Task): Promise<void> {
  const key = workKeys.lost(caller.name, task.id);
  const [kept] = await deps.store.read<KeptLoss>([key]);
  if (!kept) return;
  await deps.store.commit({ expect: [[key, kept.rev]], put: [{ key, value: undefined }] });
  throw lost(task, kept.value);
}

/** What waits for a human's review is held by nobody. */
export function mustNotBeInReview({ key, item }: Task): void {
  if (!isInReview(item)) return;
  const why = "waits for a human's review: you are told what came of it. Take another task.";
  throw new GroundcrewError("conflict", `${key} ${why}`);
}

async function mustBeStartable({ deps }: Acting, task: Task): Promise<void> {
  if (!isBlocked(task.item)) return;
  const blockers = await blockersOf(deps, [task.item]);
  const names = task.item.blockers.flatMap((id) => blockers.get(id) ?? []).map(({ key, word }) => `${key} (${word})`);
  const why = names.length > 0 ? `waits for ${names.join(", ")}` : "is marked as blocked";
  throw new GroundcrewError("conflict", `${task.key} cannot be started: it ${why}. Take another task.`);
}
