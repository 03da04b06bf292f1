import { GroundcrewError } from "../errors.ts";
import type { Ms } from "../store/port.ts";
import { isOpen } from "../task/diff.ts";
import type { Acting } from "./acting.ts";
import { wasAway } from "./away.ts";
import { queueCard } from "./card.ts";
import { reviveClaim } from "./claim-lease.ts";
import { claimOf, holdTask, type KeptClaim, renewIfHeld } from "./claims.ts";
import type { Task } from "./find.ts";
import { workKeys, workSets } from "./keys.ts";
import { mustBeMine } from "./owner.ts";
import { close, type KeptTimes, shortened, type TimeEntry, timesOf } from "./time.ts";

interface Spent {
  key: string;
  /** All the caller's time on the task. */
  spent: Ms;
}

export interface Started extends Spent {
  since: Ms;
  /** It ran before this call. */
  already: boolean;
}

/** Starts the caller's timer on a task it holds, or says since when it runs. Throws as `holdTask` does. */
export async function startTimer(acting: Acting, task: Task): Promise<Started> {
  const { deps, caller, correlation } = acting;
  const key = workKeys.time(task.id);
  const { word } = task.item.snapshot;
  if (!isOpen(word))
    throw new GroundcrewError("conflict", `${task.key} is ${word}: there is no work on it to take the time of.`);
  for (;;) {
    const claim = await holdTask(acting, task);
    const [[kept], now] = await Promise.all([deps.store.read<KeptTimes>([key]), deps.store.now()]);
    const before = kept?.value.entries ?? [];
    const runs = before.find((one) => isRunning(one, claim));
    if (!runs) {
      const entry: TimeEntry = { agent: caller.name, fence: claim.fence, from: now };
      const value: KeptTimes = {
        ...(kept?.value ?? {}),
        ...{ task: task.key, project: task.project.identifier },
        ...shortened([...before, entry], kept?.value.carried),
      };
      const outcome = await deps.store.commit({
        expect: [[key, kept?.rev ?? 0]],
        fence: [workKeys.claim(task.id), claim.fence],
        put: [{ key, value, sets: [workSets.times] }],
      });
      if (outcome !== "kept") continue;
    }
    await queueCard(deps, task.id, correlation);
    return { key: task.key, since: runs?.from ?? now, already: runs !== undefined, spent: await spentBy(acting, task) };
  }
}

export interface Stopped extends Spent {
  stopped: boolean;
  /** The run that is over; when none was running, the last there was: without `to` its claim is over, and so is it. */
  from?: Ms;
  to?: Ms;
}

/** Stops the caller's timer on a task that is its own. One whose claim is over is left to that: it stopped then. */
export async function stopTimer(acting: Acting, task: Task): Promise<Stopped> {
  const { deps, caller, correlation } = acting;
  const key = workKeys.time(task.id);
  await mustBeMine(acting, task);
  await renewIfHeld(acting, task);
  await reviveIfAway(acting, task);
  for (;;) {
    const [kept] = await deps.store.read<KeptTimes>([key]);
    const [claim, now] = await Promise.all([claimOf(deps, task.id), deps.store.now()]);
    const own = (kept?.value.entries ?? []).filter(({ agent }) => agent === caller.name);
    const runs = claim && own.find((one) => isRunning(one, claim));
    const last = runs ?? own.at(-1);
    const outcome =
      kept && runs ? await close(deps, task, kept.value, kept.rev, [runs], { at: now, fence: claim.fence }) : "fenced";
    if (outcome === "stale") continue;
    await queueCard(deps, task.id, correlation);
    const stopped = runs !== undefined && outcome === "kept";
    const to = stopped ? now : last?.to;
    return {
      ...{ key: task.key, stopped, spent: await spentBy(acting, task) },
      ...(last && { from: last.from }),
      ...(to !== undefined && { to }),
    };
  }
}

/**
 * Whether an entry without an end runs under this claim, whose number changes when it goes on after Groundcrew was away.
 * One of an earlier claim ended with that, also when this has not been seen to yet.
 */
function isRunning({ agent, fence, from, to }: TimeEntry, claim: KeptClaim): boolean {
  return to === undefined && agent === claim.agent && (fence === claim.fence || from >= claim.since);
}

/** A claim that ran out because Groundcrew was away goes on, and its timer with it. */
async function reviveIfAway({ deps, caller }: Acting, task: Task): Promise<void> {
  const [claim, now] = await Promise.all([claimOf(deps, task.id), deps.store.now()]);
  if (claim?.agent === caller.name && claim.until <= now && (await wasAway(deps, now))) await reviveClaim(deps, claim);
}

async function spentBy({ deps, caller }: Acting, task: Task): Promise<Ms> {
  return (await timesOf(deps, task.id)).totals[caller.name] ?? 0;
}
