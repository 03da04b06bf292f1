import { GroundcrewError } from "../../errors.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { updateValue } from "../../store/update.ts";
import { isOpen } from "../../task/diff.ts";
import type { Ms } from "../../time.ts";
import { queueCardWrite } from "../card/card-record.ts";
import { reviveClaim } from "../claims/claim-lease.ts";
import { ensureClaim, renewOwnClaim } from "../claims/claim-task.ts";
import { hasBeenDown } from "../claims/downtime.ts";
import { findClaim, type KeptClaim } from "../claims/find-claim.ts";
import type { CallContext } from "../context/call-context.ts";
import { workKeys, workSets } from "../context/work-keys.ts";
import type { Task } from "../tasks/find-task.ts";
import { requireOwner } from "../tasks/require-owner.ts";
import {
  type KeptTimes,
  prepareClosedEntries,
  readTaskTimes,
  type TimeEntry,
  trimTimeEntries,
} from "../time/time-entries.ts";

interface TimerTotal {
  key: string;
  /** The caller's total time on the task. */
  spent: Ms;
}

export interface StartedTimer extends TimerTotal {
  since: Ms;
  /** Whether the timer was running before this call. */
  already: boolean;
}

/** Starts the caller's timer on a task and claims the task; returns a running timer. Throws as `ensureClaim` does. */
export async function startTimer(context: CallContext, task: Task): Promise<StartedTimer> {
  const { deps, caller, correlation } = context;
  const key = workKeys.time(task.id);
  const { word } = task.item.snapshot;
  if (!isOpen(word)) throw new GroundcrewError("conflict", `${task.key} is ${word}. Timers run only on open tasks.`);
  for (;;) {
    const claim = await ensureClaim(context, task);
    const [[record], now] = await Promise.all([deps.store.read<KeptTimes>([key]), deps.store.now()]);
    const before = record?.value.entries ?? [];
    const runningEntry = before.find((entry) => isRunning(entry, claim));
    if (!runningEntry) {
      const entry: TimeEntry = { agent: caller.name, fence: claim.fence, from: now };
      const value: KeptTimes = {
        ...record?.value,
        task: task.key,
        project: task.project.identifier,
        ...trimTimeEntries([...before, entry], record?.value.carried),
      };
      const outcome = await deps.store.commit({
        expect: [[key, record?.rev ?? 0]],
        fence: [workKeys.claim(task.id), claim.fence],
        put: [{ key, value, sets: [workSets.times] }],
      });
      if (outcome !== "kept") continue;
    }
    await queueCardWrite(deps, task.id, correlation);
    return {
      key: task.key,
      since: runningEntry?.from ?? now,
      already: runningEntry !== undefined,
      spent: await readOwnTime(context, task),
    };
  }
}

export interface StoppedTimer extends TimerTotal, TimerStop {}

interface TimerStop {
  stopped: boolean;
  /** The entry that was stopped, else the last one. An entry without `to` is one whose claim has ended just now. */
  from?: Ms;
  to?: Ms;
}

/** Stops the caller's timer on its own task. A timer whose claim has ended is stopped by that, not by this call. */
export async function stopTimer(context: CallContext, task: Task): Promise<StoppedTimer> {
  const { deps, caller, correlation } = context;
  await requireOwner(context, task);
  await renewOwnClaim(context, task);
  await reviveAfterDowntime(context, task);
  const { stopped, ...entry } = await updateValue<KeptTimes, TimerStop>(deps, workKeys.time(task.id), async (times) => {
    const [claim, now] = await Promise.all([findClaim(deps, task.id), deps.store.now()]);
    const ownEntries = (times?.entries ?? []).filter(({ agent }) => agent === caller.name);
    const runningEntry = claim && ownEntries.find((candidate) => isRunning(candidate, claim));
    const lastEntry = runningEntry ?? ownEntries.at(-1);
    const unchanged = { stopped: false, ...omitUndefined({ from: lastEntry?.from, to: lastEntry?.to }) };
    if (!times || !runningEntry) return { result: unchanged };
    return {
      ...(await prepareClosedEntries(deps, task, times, [runningEntry], now)),
      fence: [workKeys.claim(task.id), claim.fence],
      result: { stopped: true, from: runningEntry.from, to: now },
      resultIfFenced: unchanged,
    };
  });
  await queueCardWrite(deps, task.id, correlation);
  return { key: task.key, stopped, spent: await readOwnTime(context, task), ...entry };
}

/**
 * Whether an entry without an end runs under this claim. The claim's number changes when the claim continues after a
 * downtime of Groundcrew, so its start counts as well. An entry of an earlier claim ended with that claim, even if the end
 * is not recorded yet.
 */
function isRunning({ agent, fence, from, to }: TimeEntry, claim: KeptClaim): boolean {
  return to === undefined && agent === claim.agent && (fence === claim.fence || from >= claim.since);
}

/** Continues a claim that expired while Groundcrew was down, and its timer with it. */
async function reviveAfterDowntime({ deps, caller }: CallContext, task: Task): Promise<void> {
  const [claim, now] = await Promise.all([findClaim(deps, task.id), deps.store.now()]);
  if (claim?.agent === caller.name && claim.until <= now && (await hasBeenDown(deps, now)))
    await reviveClaim(deps, claim);
}

async function readOwnTime({ deps, caller }: CallContext, task: Task): Promise<Ms> {
  return (await readTaskTimes(deps, task.id)).totals[caller.name] ?? 0;
}
