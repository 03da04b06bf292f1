/**
 * A task's timer runs by itself while its agent holds it and works on it. The functions prepare the writes of a
 * change, which belong to the commit that caused it: a claim begins or ends, the item changes in Plane.
 */

import type { Deps } from "../app/deps.ts";
import { workKeys, workSets } from "../records/store-keys.ts";
import type { ClaimRecord } from "../records/task-records.ts";
import type { Commit, StoredValue } from "../store/port.ts";
import type { ItemRecord } from "../task/snapshot.ts";
import type { Ms } from "../time.ts";
import { prepareSpending, type SpendingProject } from "./spending.ts";
import { isRunning, type TimeEntriesRecord, type TimeEntry, type TimerClaim, trimTimeEntries } from "./time-entries.ts";

type TimeDeps = Pick<Deps, "store" | "settings">;

/** Writes for the commit of the change that caused them. */
type TimeWrites = Required<Pick<Commit, "expect" | "put">>;

/** The task of time entries. */
interface TimedTask {
  id: string;
  key: string;
  project: SpendingProject;
}

/** Prepares the start of the timer of a claim that begins with the same commit. */
export async function prepareTimerStart(deps: TimeDeps, task: TimedTask, claim: TimerClaim): Promise<TimeWrites> {
  const [before] = await deps.store.read<TimeEntriesRecord>([workKeys.time(task.id)]);
  return prepareTimes(deps, task, before, startEntry(before?.value ?? createTimes(task), claim, claim.since));
}

/** Prepares the end of the timer of a claim that ends with the same commit, at this store time. */
export async function prepareTimerEnd(deps: TimeDeps, claim: TimerClaim, at: Ms): Promise<TimeWrites> {
  const [before] = await deps.store.read<TimeEntriesRecord>([workKeys.time(claim.item)]);
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
  before: ItemRecord | undefined,
  next: ItemRecord,
): Promise<TimeWrites & { times?: TimeEntriesRecord }> {
  // Nobody can hold an item that was not known.
  if (!before) return { expect: [], put: [] };
  const wasInWork = isInWork(before);
  const starts = !wasInWork && isInWork(next);
  const ends = (wasInWork && !isInWork(next)) || (mayBeTimed(before) && !mayBeTimed(next));
  if (!starts && !ends) return { expect: [], put: [] };
  const { id, sequence } = next.snapshot;
  const [[claim], [stored], now] = await Promise.all([
    deps.store.read<ClaimRecord>([workKeys.claim(id)]),
    deps.store.read<TimeEntriesRecord>([workKeys.time(id)]),
    deps.store.now(),
  ]);
  const expect: TimeWrites["expect"] = [[workKeys.claim(id), claim?.rev ?? 0]];
  if (!claim || claim.value.end) return { expect, put: [] };
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

/** Whether a timer that was started by hand may run: work may be prepared before the task is in progress. */
function mayBeTimed({ removedAt, review, snapshot: { status } }: ItemRecord): boolean {
  return removedAt === undefined && !review && (status === "in_progress" || status === "todo");
}

/** The times of a task that has none yet. */
export function createTimes({ key, project }: Pick<TimedTask, "key" | "project">): TimeEntriesRecord {
  return { task: key, project: project.identifier, entries: [] };
}

/** Prepares the writes of a task's changed times. An entry that has ended in `next` is counted once, in this commit. */
export async function prepareTimes(
  deps: TimeDeps,
  { id, project }: Pick<TimedTask, "id" | "project">,
  before: StoredValue<TimeEntriesRecord> | undefined,
  next: TimeEntriesRecord,
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

/** Whether the timer of a held task runs by itself: it is in progress, and no human reviews it. */
export function isInWork({ removedAt, review, snapshot: { status } }: ItemRecord): boolean {
  return removedAt === undefined && !review && status === "in_progress";
}

/** Starts the timer of the claim's agent, unless it runs already, and ends a pause. */
export function startEntry({ paused: _, ...times }: TimeEntriesRecord, claim: TimerClaim, at: Ms): TimeEntriesRecord {
  if (times.entries.some((entry) => isRunning(entry, claim))) return times;
  const { agent, fence } = claim;
  return trimTimeEntries({ ...times, entries: [...times.entries, { agent, fence, from: at }] });
}

/** Ends the matching entries without an end. None ends before it started, also after a clock was set back. */
export function endEntries(
  times: TimeEntriesRecord,
  matches: (entry: TimeEntry) => boolean,
  at: Ms,
): TimeEntriesRecord {
  const entries = times.entries.map((entry) =>
    entry.to === undefined && matches(entry) ? { ...entry, to: Math.max(entry.from, at) } : entry,
  );
  return { ...times, entries };
}

/** Whether the agent of this claim has stopped the timer, or it waits for an answer. */
export function findPause(
  { paused }: Pick<TimeEntriesRecord, "paused">,
  claim: TimerClaim,
): TimeEntriesRecord["paused"] {
  // The claim's number changes when it continues after a downtime of Groundcrew, its start does not.
  return paused?.agent === claim.agent && paused.since === claim.since ? paused : undefined;
}
