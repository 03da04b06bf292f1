import { GroundcrewError } from "../../errors.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { updateValue } from "../../store/update.ts";
import { isOpen } from "../../task/diff.ts";
import type { Ms } from "../../time.ts";
import { queueCardWrite } from "../card/card-record.ts";
import { reviveClaim } from "../claims/claim-lease.ts";
import { ensureClaim, renewOwnClaim } from "../claims/claim-task.ts";
import { hasBeenDown } from "../claims/downtime.ts";
import { findClaim } from "../claims/find-claim.ts";
import type { CallContext } from "../context/call-context.ts";
import { workKeys } from "../context/work-keys.ts";
import type { Task } from "../tasks/find-task.ts";
import { requireOwner } from "../tasks/require-owner.ts";
import { readTaskTimes } from "../time/task-times.ts";
import { isRunning, type KeptTimes } from "../time/time-entries.ts";
import { createTimes, prepareTimes } from "../time/timer-changes.ts";
import { endEntries, findPause, startEntry } from "../time/timer-state.ts";

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

/**
 * Starts the caller's timer on a task and claims the task; returns a running timer. The timer of a task in progress runs
 * by itself: starting it by hand is needed after it was stopped, while a question waits for its answer, and to prepare a
 * task that is not in progress. Throws as `ensureClaim` does.
 */
export async function startTimer(context: CallContext, task: Task): Promise<StartedTimer> {
  const { deps, correlation } = context;
  const key = workKeys.time(task.id);
  const { word } = task.item.snapshot;
  if (!isOpen(word)) throw new GroundcrewError("conflict", `${task.key} is ${word}. Timers run only on open tasks.`);
  for (;;) {
    const claim = await ensureClaim(context, task);
    const [[record], now] = await Promise.all([deps.store.read<KeptTimes>([key]), deps.store.now()]);
    const before = record?.value ?? createTimes(task);
    const runningEntry = before.entries.find((entry) => isRunning(entry, claim));
    if (!runningEntry || before.paused) {
      const outcome = await deps.store.commit({
        ...(await prepareTimes(deps, task, record, startEntry(before, claim, now))),
        fence: [workKeys.claim(task.id), claim.fence],
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

/**
 * Stops the caller's timer on its own task, until the caller starts it again, the task is started anew, or another claim
 * begins. A timer whose claim has ended is stopped by that, not by this call.
 */
export async function stopTimer(context: CallContext, task: Task): Promise<StoppedTimer> {
  const { deps, caller, correlation } = context;
  await requireOwner(context, task);
  await renewOwnClaim(context, task);
  await reviveAfterDowntime(context, task);
  const key = workKeys.time(task.id);
  const { stopped, ...entry } = await updateValue<KeptTimes, TimerStop>(deps, key, async (times, rev) => {
    const [claim, now] = await Promise.all([findClaim(deps, task.id), deps.store.now()]);
    const ownEntries = (times?.entries ?? []).filter(({ agent }) => agent === caller.name);
    const ownClaim = claim?.agent === caller.name && claim.until > now ? claim : undefined;
    const runningEntry = ownClaim && ownEntries.find((candidate) => isRunning(candidate, ownClaim));
    const lastEntry = runningEntry ?? ownEntries.at(-1);
    const unchanged = { stopped: false, ...omitUndefined({ from: lastEntry?.from, to: lastEntry?.to }) };
    if (!times || !ownClaim || (!runningEntry && findPause(times, ownClaim)?.why !== "asked"))
      return { result: unchanged };
    const paused = { agent: caller.name, since: ownClaim.since, why: "stopped", at: now } as const;
    const next = { ...endEntries(times, (candidate) => candidate === runningEntry, now), paused };
    return {
      ...(await prepareTimes(deps, task, { value: times, rev }, next)),
      fence: [workKeys.claim(task.id), ownClaim.fence],
      result: runningEntry ? { stopped: true, from: runningEntry.from, to: now } : unchanged,
      resultIfFenced: unchanged,
    };
  });
  await queueCardWrite(deps, task.id, correlation);
  return { key: task.key, stopped, spent: await readOwnTime(context, task), ...entry };
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
