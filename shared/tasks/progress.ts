/** What an agent reports while it works: progress on its card, and its timer started and stopped by hand. */

import { isRunning, readTaskTimes, type TimeEntriesRecord } from "../accounting/time-entries.ts";
import { createTimes, endEntries, findPause, prepareTimes, startEntry } from "../accounting/timer.ts";
import { GroundcrewError } from "../errors.ts";
import { omitUndefined } from "../omit-undefined.ts";
import type { Task } from "../records/plane-records.ts";
import { workKeys } from "../records/store-keys.ts";
import { findClaim, readClaims } from "../records/task-records.ts";
import { updateValue } from "../store/records.ts";
import { isOpen } from "../task/snapshot.ts";
import { cleanLine } from "../text.ts";
import type { Ms } from "../time.ts";
import { requireOwner } from "./access.ts";
import type { CallContext } from "./call-context.ts";
import { type CardRecord, type CardUpdate, queueCardWrite, updateCard } from "./card-record.ts";
import { renewOwnClaim } from "./claim-lease.ts";
import { ensureClaim } from "./claims.ts";

export type ProgressReport = Pick<
  CardUpdate,
  "percent" | "text" | "confidence" | "cost" | "tokens" | "session" | "commit" | "tests"
>;

/** `spent`: the caller's total time on the task. `already`: the timer was running before this call. */
interface StartedTimer {
  key: string;
  spent: Ms;
  since: Ms;
  already: boolean;
}

interface TimerStop {
  stopped: boolean;
  /** The entry that was stopped, else the last one. An entry without `to` is one whose claim has ended just now. */
  from?: Ms;
  to?: Ms;
}

/** Limit of a line on the card, in UTF-16 units. */
const MAX_LINE_LENGTH = 300;

/**
 * Writes an agent's report to the agent card and renews its claim. A closed task can still be reported on, for example
 * its cost, but is not claimed. `until` is the store time at which the claim expires; `spent` is the caller's time on
 * the task in milliseconds.
 */
export async function reportProgress(
  context: CallContext,
  task: Task,
  { percent, text, confidence, cost, tokens, session, commit, tests }: ProgressReport,
): Promise<{ key: string; card: CardRecord; until: number | undefined; spent: number }> {
  if (isOpen(task.item.snapshot.status)) await ensureClaim(context, task);
  else await requireOwner(context, task);
  const clean = (line: string | undefined) => (line && cleanLine(line, MAX_LINE_LENGTH)) || undefined;
  const lines = { text: clean(text), session: clean(session), commit: clean(commit), tests: clean(tests) };
  const card = await updateCard(context, task, omitUndefined({ percent, confidence, cost, tokens, ...lines }));
  const [claim, spent] = await Promise.all([findClaim(context.deps, task.id), readOwnTime(context, task)]);
  return { key: task.key, card, until: claim?.until, spent };
}

/**
 * Starts the caller's timer on a task and claims the task; returns a running timer. The timer of a task in progress
 * runs by itself: starting it by hand is needed after it was stopped, while a question waits for its answer, and to
 * prepare a task that is not in progress. Throws as `ensureClaim` does.
 */
export async function startTimer(context: CallContext, task: Task): Promise<StartedTimer> {
  const { deps, correlation } = context;
  const key = workKeys.time(task.id);
  const { status } = task.item.snapshot;
  if (!isOpen(status))
    throw new GroundcrewError("conflict", `${task.key} is ${status}. Timers run only on open tasks.`);
  for (;;) {
    const { fence } = await ensureClaim(context, task);
    const [[claim], [record], now] = await Promise.all([
      readClaims(deps, [task.id]),
      deps.store.read<TimeEntriesRecord>([key]),
      deps.store.now(),
    ]);
    if (claim?.value.fence !== fence) continue;
    const before = record?.value ?? createTimes(task);
    const runningEntry = before.entries.find((entry) => isRunning(entry, claim.value));
    if (!runningEntry || before.paused) {
      const { expect, put } = await prepareTimes(deps, task, record, startEntry(before, claim.value, now));
      const outcome = await deps.store.commit({ expect: [...expect, [workKeys.claim(task.id), claim.rev]], put });
      if (outcome !== "committed") continue;
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

async function readOwnTime({ deps, caller }: CallContext, task: Task): Promise<Ms> {
  return (await readTaskTimes(deps, task.id)).totals[caller.name] ?? 0;
}

/**
 * Stops the caller's timer on its own task, until the caller starts it again, the task is started anew, or another
 * claim begins. A timer whose claim has ended is stopped by that, not by this call.
 */
export async function stopTimer(
  context: CallContext,
  task: Task,
): Promise<Pick<StartedTimer, "key" | "spent"> & TimerStop> {
  const { deps, caller, correlation } = context;
  await requireOwner(context, task);
  await renewOwnClaim(context, task);
  const key = workKeys.time(task.id);
  const { stopped, ...entry } = await updateValue<TimeEntriesRecord, TimerStop>(deps, key, async (times, rev) => {
    const [[claim], now] = await Promise.all([readClaims(deps, [task.id]), deps.store.now()]);
    const ownEntries = (times?.entries ?? []).filter(({ agent }) => agent === caller.name);
    const ownClaim = claim?.value.agent === caller.name && claim.value.until > now ? claim.value : undefined;
    const runningEntry = ownClaim && ownEntries.find((candidate) => isRunning(candidate, ownClaim));
    const lastEntry = runningEntry ?? ownEntries.at(-1);
    const unchanged = { stopped: false, ...omitUndefined({ from: lastEntry?.from, to: lastEntry?.to }) };
    if (!times || !claim || !ownClaim || (!runningEntry && findPause(times, ownClaim)?.reason !== "asked"))
      return { result: unchanged };
    const paused = { agent: caller.name, since: ownClaim.since, reason: "stopped", at: now } as const;
    const next = { ...endEntries(times, (candidate) => candidate === runningEntry, now), paused };
    const { expect, put } = await prepareTimes(deps, task, { value: times, rev }, next);
    return {
      expect: [...expect, [workKeys.claim(task.id), claim.rev]],
      put,
      result: runningEntry ? { stopped: true, from: runningEntry.from, to: now } : unchanged,
    };
  });
  await queueCardWrite(deps, task.id, correlation);
  return { key: task.key, stopped, spent: await readOwnTime(context, task), ...entry };
}
