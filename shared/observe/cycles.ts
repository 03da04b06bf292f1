import { createReadCyclesJob } from "../jobs/observe-jobs.ts";
import { cyclesApi as cycleCalls, type PlaneCycle } from "../plane/cycles-modules.ts";
import { toPlaneTime } from "../plane/time.ts";
import type { Revision } from "../store/port.ts";
import { readAllRows } from "../store/scan-set.ts";
import { updateValue } from "../store/update.ts";
import type { CycleEvent } from "../task/events.ts";
import { readCycleItems } from "./cycle-items.ts";
import { decideActions } from "./decide-actions.ts";
import { toCycleFacts } from "./event-facts.ts";
import type { ObserveDeps } from "./observe-item.ts";
import { getNewSince, toProjectPut } from "./project-record.ts";
import { takeRevisionMark } from "./revision-mark.ts";
import { observedKeys, observedSets } from "./store-keys.ts";
import type { CyclePhase, KeptCycle, KeptProject } from "./stored-records.ts";

/** Phases in chronological order. */
const PHASES: readonly CyclePhase[] = ["draft", "upcoming", "current", "completed"];

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

/**
 * Reads a project's cycles, and the items of the current ones. The first read is the baseline and causes no events. Values that were stored since the
 * request began are newer than its response (observation rule 1), so a new read is queued in that case.
 */
export async function readCycles(deps: ObserveDeps, project: KeptProject, correlation: string): Promise<void> {
  const mark = await takeRevisionMark(deps, project.id);
  const listed: PlaneCycle[] = [];
  let date = "";
  for await (const answer of deps.plane.pages(cycleCalls.list, { params: { project: project.id } })) {
    if (date === "") date = toPlaneTime(answer.date);
    listed.push(...answer.data.results);
  }
  const since = project.cyclesRead ? project.began : getNewSince(project);
  let isOvertaken = false;
  for (const cycle of listed) {
    const observation = { cycle: toKeptCycle(cycle, date), date, mark, isNew: cycle.created_at >= since };
    if ((await observeCycle(deps, project, observation, correlation)) === "overtaken") isOvertaken = true;
  }
  await forgetUnlistedCycles(deps, project.id, new Set(listed.map((cycle) => cycle.id)), mark);
  if (isOvertaken) await deps.store.commit({ jobs: [createReadCyclesJob(project.id, `again:${mark}`, correlation)] });
  if (!project.cyclesRead) await markCyclesRead(deps, project.id);
  for (const { id, start_date: start, end_date: end } of listed)
    if (getCyclePhase({ start, end }, date) === "current") await readCycleItems(deps, { id, project: project.id });
}

/**
 * Updates the phases of the stored cycles to Plane's time `date`, without a request. Phases only advance: a `date` from
 * before the last read of a cycle changes nothing.
 */
export async function advanceCycles(
  deps: ObserveDeps,
  project: KeptProject,
  date: string,
  correlation: string,
): Promise<void> {
  for (const { value, rev } of await readAllRows<KeptCycle>(deps, observedSets.cycles(project.id))) {
    const cycle = { ...value, phase: getCyclePhase(value, date) };
    if (PHASES.indexOf(cycle.phase) <= PHASES.indexOf(value.phase)) continue;
    await observeCycle(deps, project, { cycle, date, mark: rev, isNew: true }, correlation);
  }
}

function toKeptCycle(cycle: PlaneCycle, date: string): KeptCycle {
  const { id, project, name, start_date: start, end_date: end } = cycle;
  const counts = { done: cycle.completed_issues, total: cycle.total_issues, cancelled: cycle.cancelled_issues };
  return { id, project, name, start, end, phase: getCyclePhase({ start, end }, date), ...counts };
}

interface CycleObservation {
  cycle: KeptCycle;
  /** Plane's time of the observation. */
  date: string;
  /** A revision from before the observation began. */
  mark: Revision;
  /** A cycle that is not stored yet was created after the observation of its project began. */
  isNew: boolean;
}

async function observeCycle(
  deps: ObserveDeps,
  project: KeptProject,
  observation: CycleObservation,
  correlation: string,
): Promise<"kept" | "same" | "overtaken"> {
  const { cycle, date } = observation;
  const key = observedKeys.cycle(cycle.id);
  return updateValue<KeptCycle, "kept" | "same" | "overtaken">(deps, key, async (kept, rev) => {
    if (kept && JSON.stringify(kept) === JSON.stringify(cycle)) return { result: "same" };
    if (rev > observation.mark) return { result: "overtaken" };
    const events = kept || observation.isNew ? diffCyclePhases(kept?.phase, cycle.phase) : [];
    const facts = async () => toCycleFacts(deps, project, cycle, date);
    const decision = await decideActions(deps, { key, rev, events, correlation, via: "read", facts });
    const put = [{ key, value: cycle, sets: [observedSets.cycles(project.id)] }, ...decision.put];
    return { put, jobs: decision.jobs, result: "kept", afterCommit: decision.publish };
  });
}

/** A deleted cycle causes no events. If it appears again, its creation time shows that it is not new. */
async function forgetUnlistedCycles(
  deps: ObserveDeps,
  project: string,
  listed: Set<string>,
  mark: Revision,
): Promise<void> {
  for (const { key, value, rev } of await readAllRows<KeptCycle>(deps, observedSets.cycles(project))) {
    if (!listed.has(value.id) && rev <= mark)
      await deps.store.commit({ expect: [[key, rev]], put: [{ key, value: undefined }] });
  }
}

async function markCyclesRead(deps: ObserveDeps, id: string): Promise<void> {
  await updateValue<KeptProject>(deps, observedKeys.project(id), (kept) =>
    kept && !kept.cyclesRead ? { put: [toProjectPut({ ...kept, cyclesRead: true })] } : undefined,
  );
}
