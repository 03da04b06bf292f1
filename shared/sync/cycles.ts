/** A project's cycles: their phases, the events of a change of phase, and the items of the current ones. */

import type { SyncDeps } from "../app/deps.ts";
import { createObserveJob } from "../jobs/internal-jobs.ts";
import { readList } from "../plane/endpoint.ts";
import { cyclesApi } from "../plane/work-items.ts";
import {
  type CyclePhase,
  type CycleRecord,
  getNewSince,
  type ProjectRecord,
  type Task,
  takeRevisionMark,
  toProjectPut,
} from "../records/plane-records.ts";
import { observedKeys, observedSets } from "../records/store-keys.ts";
import type { Revision } from "../store/port.ts";
import { readAllRows, updateValue } from "../store/records.ts";
import type { CycleEvent } from "../task/events.ts";
import { DAY, type Ms } from "../time.ts";
import { prepareChange, toCycleFacts } from "./event-facts.ts";

/** The items of a cycle at its last read. Plane sends no webhook when an item is added or removed. */
export interface CycleItemsRecord {
  /** Plane's ids. */
  items: string[];
  /** Store time when the read began. */
  at: Ms;
}

/** How far a cycle is. */
export interface CycleProgress extends ProjectCycle {
  /** Number of tasks that are done, and of all tasks; as far as the items are unknown, Plane's counts. */
  done: number;
  total: number;
  /** Number of tasks that are neither done nor cancelled. */
  left: number;
  /** The open tasks; empty while the items are unknown. */
  open: Task[];
  /** When the last task is done at the pace since the cycle began; absent without enough data, or when none is left. */
  forecast?: CycleForecast;
}

export interface CycleForecast {
  /** Store time. */
  at: Ms;
  /** Number of tasks that were done per day. */
  perDay: number;
}

/** A cycle with its project. */
export interface ProjectCycle {
  project: ProjectRecord;
  cycle: CycleRecord;
}

/** Phases in chronological order. */
const PHASES: readonly CyclePhase[] = ["draft", "upcoming", "current", "completed"];

/** Retention of a cycle's items: 90 days after the last read, so that those of an ended cycle can still be shown. */
const RETENTION_MS: Ms = 90 * DAY;

/**
 * Reads a project's cycles, and the items of the current ones. The first read is the baseline and causes no events.
 * Values that were stored since the request began are newer than its response (observation rule 1), so a new read is
 * queued in that case.
 */
export async function readCycles(deps: SyncDeps, project: ProjectRecord, correlation: string): Promise<void> {
  const mark = await takeRevisionMark(deps, project.id);
  const { rows: listed, date } = await readList(deps.plane, cyclesApi.list, { params: { project: project.id } });
  const since = project.cyclesRead ? project.began : getNewSince(project);
  let isOvertaken = false;
  for (const cycle of listed) {
    const { id, project: projectId, name, start_date: start, end_date: end } = cycle;
    const counts = { done: cycle.completed_issues, total: cycle.total_issues, cancelled: cycle.cancelled_issues };
    const phase = getCyclePhase({ start, end }, date);
    const record = { id, project: projectId, name, start, end, phase, ...counts };
    const observation = { cycle: record, date, mark, isNew: cycle.created_at >= since };
    if (!(await observeCycle(deps, project, observation, correlation))) isOvertaken = true;
  }
  await forgetUnlistedCycles(deps, project.id, new Set(listed.map((cycle) => cycle.id)), mark);
  const nextRead = createObserveJob({ type: "cycles", project: project.id, correlation }, `again:${mark}`);
  if (isOvertaken) await deps.store.commit({ jobs: [nextRead] });
  if (!project.cyclesRead)
    await updateValue<ProjectRecord>(
      deps,
      observedKeys.project(project.id),
      (stored) => stored && { put: [toProjectPut({ ...stored, cyclesRead: true })] },
    );
  for (const { id, start_date: start, end_date: end } of listed)
    if (getCyclePhase({ start, end }, date) === "current") await readCycleItems(deps, { id, project: project.id });
}

/**
 * Stores a cycle, observed at Plane's time `date`, with the events of its phase. Returns false when it was stored since
 * the revision `mark` from before the observation. `isNew`: one that is not stored yet was created after the
 * observation of its project began.
 */
async function observeCycle(
  deps: SyncDeps,
  project: ProjectRecord,
  observation: { cycle: CycleRecord; date: string; mark: Revision; isNew: boolean },
  correlation: string,
): Promise<boolean> {
  const { cycle, date } = observation;
  const key = observedKeys.cycle(cycle.id);
  return updateValue<CycleRecord, boolean>(deps, key, async (stored, rev) => {
    if (stored && JSON.stringify(stored) === JSON.stringify(cycle)) return { result: true };
    if (rev > observation.mark) return { result: false };
    const events = stored || observation.isNew ? diffCyclePhases(stored?.phase, cycle.phase) : [];
    const facts = async () => toCycleFacts(deps, project, cycle, date);
    const put = [{ key, value: cycle, sets: [observedSets.cycles(project.id)] }];
    const update = await prepareChange(deps, { key, rev, events, correlation, via: "read", facts, put });
    return { ...update, result: true };
  });
}

/** A deleted cycle causes no events. If it appears again, its creation time shows that it is not new. */
async function forgetUnlistedCycles(deps: SyncDeps, project: string, listed: Set<string>, mark: Revision) {
  for (const { key, value, rev } of await readAllRows<CycleRecord>(deps, observedSets.cycles(project))) {
    if (!listed.has(value.id) && rev <= mark)
      await deps.store.commit({ expect: [[key, rev]], put: [{ key, value: undefined }] });
  }
}

/**
 * Updates the phases of the stored cycles to Plane's time `date`, without a request. Phases only advance: a `date` from
 * before the last read of a cycle changes nothing.
 */
export async function advanceCycles(
  deps: SyncDeps,
  project: ProjectRecord,
  date: string,
  correlation: string,
): Promise<void> {
  for (const { value, rev } of await readAllRows<CycleRecord>(deps, observedSets.cycles(project.id))) {
    const cycle = { ...value, phase: getCyclePhase(value, date) };
    if (PHASES.indexOf(cycle.phase) <= PHASES.indexOf(value.phase)) continue;
    await observeCycle(deps, project, { cycle, date, mark: rev, isNew: true }, correlation);
  }
}

/** Reads the items of a cycle from Plane, 1,000 with one request, and stores their ids. */
export async function readCycleItems(
  { store, plane }: Pick<SyncDeps, "store" | "plane">,
  { id, project }: { id: string; project: string },
): Promise<void> {
  const at = await store.now();
  const { rows } = await readList(plane, cyclesApi.items, { params: { project, cycle: id } });
  const value = { items: rows.map((item) => item.id), at } satisfies CycleItemsRecord;
  await store.commit({ put: [{ key: observedKeys.cycleItems(id), value, expires: RETENTION_MS }] });
}

/** Returns the phase of a cycle at Plane's time `date`. A cycle without dates is a draft. */
export function getCyclePhase(cycle: { start: string | null; end: string | null }, date: string): CyclePhase {
  if (cycle.start === null || cycle.end === null) return "draft";
  if (date < cycle.start) return "upcoming";
  return date < cycle.end ? "current" : "completed";
}

/** Returns the events of a change of phase. Pure. */
export function diffCyclePhases(before: CyclePhase | undefined, after: CyclePhase): CycleEvent[] {
  if (before === after) return [];
  if (after === "current") return [{ kind: "cycle_started" }];
  if (after === "completed" && before !== undefined) return [{ kind: "cycle_completed" }];
  return [];
}
