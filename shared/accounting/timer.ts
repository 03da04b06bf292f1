/**
 * A task's timer runs by itself while its agent holds it and works on it: what that changes is prepared for the commit
 * that caused it.
 */

import type { Deps } from "../app/deps.ts";
import { type ClaimRecord, readClaims } from "../records/claim-record.ts";
import { workKeys, workSets } from "../records/store-keys.ts";
import type { StoredValue } from "../store/port.ts";
import { mergeUpdates, updateValue, type ValueUpdate } from "../store/records.ts";
import type { ItemRecord } from "../task/snapshot.ts";
import type { Ms } from "../time.ts";
import { prepareSpending, type SpendingProject } from "./spending.ts";
import { isRunning, type TimeEntriesRecord, type TimeEntry, type TimerClaim, trimTimeEntries } from "./time-entries.ts";

type TimeDeps = Pick<Deps, "store" | "settings">;

/** The task of time entries. */
interface TimedTask {
  id: string;
  key: string;
  project: SpendingProject;
}

/** Prepares the start of the timer of a claim that begins with the same commit. */
export async function prepareTimerStart(deps: TimeDeps, task: TimedTask, claim: TimerClaim): Promise<ValueUpdate> {
  const [before] = await deps.store.read<TimeEntriesRecord>([workKeys.time(task.id)]);
  return prepareTimes(deps, task, before, startEntry(before?.value ?? createTimes(task), claim, claim.since));
}

/** Prepares the end of the timer of a claim that ends with the same commit, at this store time. */
export async function prepareTimerEnd(deps: TimeDeps, claim: TimerClaim, at: Ms): Promise<ValueUpdate> {
  const [before] = await deps.store.read<TimeEntriesRecord>([workKeys.time(claim.item)]);
  if (!before?.value.entries.some((entry) => isRunning(entry, claim))) return {};
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
): Promise<ValueUpdate & { times?: TimeEntriesRecord }> {
  // Nobody can hold an item that was not known.
  if (!before) return {};
  const wasInWork = isInWork(before);
  const starts = !wasInWork && isInWork(next);
  const ends = (wasInWork && !isInWork(next)) || (mayBeTimed(before) && !mayBeTimed(next));
  if (!starts && !ends) return {};
  const { id, sequence } = next.snapshot;
  const [[claim], [stored], now] = await Promise.all([
    deps.store.read<ClaimRecord>([workKeys.claim(id)]),
    deps.store.read<TimeEntriesRecord>([workKeys.time(id)]),
    deps.store.now(),
  ]);
  const held: ValueUpdate = { expect: [[workKeys.claim(id), claim?.rev ?? 0]] };
  if (!claim || claim.value.end) return held;
  const task = { id, key: `${project.identifier}-${sequence}`, project };
  const times = stored?.value ?? createTimes(task);
  const { until, agent } = claim.value;
  const canStart = starts && until > now && (next.owners ?? [agent]).includes(agent);
  const changed = canStart
    ? startEntry(times, claim.value, now)
    : endEntries(times, (entry) => ends && isRunning(entry, claim.value), Math.min(now, until));
  if (JSON.stringify(changed) === JSON.stringify(times)) return held;
  return { ...mergeUpdates([held, await prepareTimes(deps, task, stored, changed)]), times: changed };
}

/** Whether a timer that was started by hand may run: work may be prepared before the task is in progress. */
function mayBeTimed({ removedAt, review, snapshot: { status } }: ItemRecord): boolean {
  return removedAt === undefined && !review && (status === "in_progress" || status === "todo");
}

/**
 * Changes the times of a task while an agent holds it: `compute` returns the times after the change, undefined when
 * they stay, and a result. Undefined when no claim is valid.
 */
export async function changeTimes<Result>(
  deps: TimeDeps,
  task: TimedTask,
  compute: (
    times: TimeEntriesRecord,
    claim: ClaimRecord,
    now: Ms,
  ) => Promise<{ next?: TimeEntriesRecord | undefined; result: Result }>,
): Promise<Result | undefined> {
  return updateValue<TimeEntriesRecord, Result | undefined>(deps, workKeys.time(task.id), async (stored, rev) => {
    const [[claim], now] = await Promise.all([readClaims(deps, [task.id]), deps.store.now()]);
    if (!claim || claim.value.until <= now) return { result: undefined };
    const { next, result } = await compute(stored ?? createTimes(task), claim.value, now);
    if (!next) return { result };
    const changed = await prepareTimes(deps, task, stored && { value: stored, rev }, next);
    return { ...mergeUpdates([{ expect: [[workKeys.claim(task.id), claim.rev]] }, changed]), result };
  });
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
): Promise<ValueUpdate> {
  const key = workKeys.time(id);
  const own: ValueUpdate = { expect: [[key, before?.rev ?? 0]], put: [{ key, value: next, sets: [workSets.times] }] };
  const known = new Set(before?.value.entries.map(toEntryId));
  const ended = next.entries.flatMap((entry) => {
    const { agent, from, to } = entry;
    return to === undefined || known.has(toEntryId(entry)) ? [] : [{ agent, from, to }];
  });
  const spending = [...Map.groupBy(ended, ({ agent }) => agent)].map(([agent, periods]) =>
    prepareSpending(deps, { project }, agent, { periods }),
  );
  return mergeUpdates([own, ...(await Promise.all(spending))]);
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
export function endEntries(times: TimeEntriesRecord, matches: (entry: TimeEntry) => boolean, at: Ms) {
  const entries = times.entries.map((entry) =>
    entry.to === undefined && matches(entry) ? { ...entry, to: Math.max(entry.from, at) } : entry,
  );
  return { ...times, entries };
}

/** Whether the agent of this claim has stopped the timer, or it waits for an answer. */
export function findPause({ paused }: Pick<TimeEntriesRecord, "paused">, claim: TimerClaim) {
  // The claim's number changes when it continues after a downtime of Groundcrew, its start does not.
  return paused?.agent === claim.agent && paused.since === claim.since ? paused : undefined;
}
