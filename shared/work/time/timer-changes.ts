import type { Deps } from "../../app/deps.ts";
import type { Commit, StoredValue } from "../../store/port.ts";
import { updateValue } from "../../store/update.ts";
import type { KeptItem } from "../../task/snapshot.ts";
import type { Ms } from "../../time.ts";
import { workKeys, workSets } from "../context/work-keys.ts";
import { prepareSpending, type SpendingProject } from "./spending.ts";
import { isRunning, type KeptTimes, type TimeEntry, type TimerClaim } from "./time-entries.ts";
import { endEntries, isInWork, mayBeTimed, startEntry } from "./timer-state.ts";

type TimeDeps = Pick<Deps, "store" | "settings">;

/** Writes for the commit of the change that caused them. */
export type TimeWrites = Required<Pick<Commit, "expect" | "put">>;

/** The task of time entries. */
interface TimedTask {
  id: string;
  key: string;
  project: SpendingProject;
}

/** The times of a task that has none yet. */
export function createTimes({ key, project }: Pick<TimedTask, "key" | "project">): KeptTimes {
  return { task: key, project: project.identifier, entries: [] };
}

/** Prepares the writes of a task's changed times. An entry that has ended in `next` is counted once, in this commit. */
export async function prepareTimes(
  deps: TimeDeps,
  { id, project }: Pick<TimedTask, "id" | "project">,
  before: StoredValue<KeptTimes> | undefined,
  next: KeptTimes,
): Promise<TimeWrites> {
  const key = workKeys.time(id);
  const writes: TimeWrites = { expect: [[key, before?.rev ?? 0]], put: [{ key, value: next, sets: [workSets.times] }] };
  const known = new Set(before?.value.entries.map(toEntryId));
  const ended = next.entries.flatMap((entry) => {
    const { agent, from, to } = entry;
    return to === undefined || known.has(toEntryId(entry)) ? [] : [{ agent, from, to }];
  });
  for (const [agent, periods] of Map.groupBy(ended, (entry) => entry.agent)) {
    const { expect, put } = await prepareSpending(deps, { project }, agent, { periods });
    writes.expect.push(...expect);
    writes.put.push(...put);
  }
  return writes;
}

const toEntryId = ({ agent, fence, from, to }: TimeEntry) => `${agent} ${fence} ${from} ${to}`;

/** Prepares the start of the timer of a claim that begins with the same commit. */
export async function prepareTimerStart(deps: TimeDeps, task: TimedTask, claim: TimerClaim): Promise<TimeWrites> {
  const [before] = await deps.store.read<KeptTimes>([workKeys.time(task.id)]);
  return prepareTimes(deps, task, before, startEntry(before?.value ?? createTimes(task), claim, claim.since));
}

/** Prepares the end of the timer of a claim that ends with the same commit, at this store time. */
export async function prepareTimerEnd(deps: TimeDeps, claim: TimerClaim, at: Ms): Promise<TimeWrites> {
  const [before] = await deps.store.read<KeptTimes>([workKeys.time(claim.item)]);
  if (!before?.value.entries.some((entry) => isRunning(entry, claim))) return { expect: [], put: [] };
  const next = endEntries(before.value, (entry) => isRunning(entry, claim), at);
  const project = { id: claim.project, identifier: before.value.project };
  return prepareTimes(deps, { id: claim.item, project }, before, next);
}

/**
 * Prepares what an observed change means for the timer of a held task: it starts with the work and stops when the task
 * is no longer in progress. Also returns the task's times after the change, for the facts of its events. Expects the
 * claim, so that a claim taken at the same time is not missed.
 */
export async function prepareTimerChange(
  deps: TimeDeps,
  project: TimedTask["project"],
  before: KeptItem | undefined,
  next: KeptItem,
): Promise<TimeWrites & { times?: KeptTimes }> {
  // Nobody can hold an item that was not known.
  if (!before) return { expect: [], put: [] };
  const wasInWork = isInWork(before);
  const starts = !wasInWork && isInWork(next);
  const ends = (wasInWork && !isInWork(next)) || (mayBeTimed(before) && !mayBeTimed(next));
  if (!starts && !ends) return { expect: [], put: [] };
  const { id, sequence } = next.snapshot;
  const [[claim], [stored], now] = await Promise.all([
    deps.store.read<TimerClaim>([workKeys.claim(id)]),
    deps.store.read<KeptTimes>([workKeys.time(id)]),
    deps.store.now(),
  ]);
  const expect: TimeWrites["expect"] = [[workKeys.claim(id), claim?.rev ?? 0]];
  if (!claim) return { expect, put: [] };
  const task = { id, key: `${project.identifier}-${sequence}`, project };
  const times = stored?.value ?? createTimes(task);
  const { until, agent } = claim.value;
  const canStart = starts && until > now && (next.owners ?? [agent]).includes(agent);
  const changed = canStart
    ? startEntry(times, claim.value, now)
    : endEntries(times, (entry) => ends && isRunning(entry, claim.value), Math.min(now, until));
  if (JSON.stringify(changed) === JSON.stringify(times)) return { expect, put: [] };
  const writes = await prepareTimes(deps, task, stored, changed);
  return { expect: [...expect, ...writes.expect], put: writes.put, times: changed };
}

/**
 * Stops the timers of a claim that ended at this store time, for jobs that an earlier version created. The present
 * version stops them in the commit that ends the claim. Idempotent.
 */
export async function stopTimers(
  deps: TimeDeps,
  task: Pick<TimedTask, "id" | "project">,
  { agent, fence, at }: Pick<TimerClaim, "agent" | "fence"> & { at: Ms },
): Promise<void> {
  await updateValue<KeptTimes>(deps, workKeys.time(task.id), async (times, rev) => {
    if (!times) return undefined;
    const next = endEntries(times, (entry) => entry.agent === agent && entry.fence <= fence, at);
    if (JSON.stringify(next) === JSON.stringify(times)) return undefined;
    return prepareTimes(deps, task, { value: times, rev }, next);
  });
}
