import { type Cycle, cycles as cycleCalls } from "../plane/cycles-modules.ts";
import type { Rev } from "../store/port.ts";
import { all } from "../store/walk.ts";
import type { CycleEvent } from "../task/events.ts";
import { decide } from "./act.ts";
import { cycleFacts } from "./facts.ts";
import type { ObserveDeps } from "./item.ts";
import { cyclesJob } from "./jobs.ts";
import type { CyclePhase, KeptCycle, KeptProject } from "./kept.ts";
import { keys, sets } from "./keys.ts";
import { takeMark } from "./pass.ts";
import { newSince, planeDate, projectPut } from "./projects.ts";

/** In the order in which time passes. */
const PHASES: readonly CyclePhase[] = ["draft", "upcoming", "current", "completed"];

/** Where a cycle is at Plane's time `date`. A cycle without dates is a draft. */
export function phaseOf(cycle: { start: string | null; end: string | null }, date: string): CyclePhase {
  if (cycle.start === null || cycle.end === null) return "draft";
  if (date < cycle.start) return "upcoming";
  return date < cycle.end ? "current" : "completed";
}

/** What became of a cycle between two phases. Pure. */
export function cycleEvents(before: CyclePhase | undefined, after: CyclePhase): CycleEvent[] {
  if (before === after) return [];
  if (after === "current") return [{ kind: "cycle_started" }];
  if (after === "completed" && before !== undefined) return [{ kind: "cycle_completed" }];
  return [];
}

/**
 * Reads a project's cycles; the first reading is its baseline and silent. What was kept since the request began is
 * newer than what the request tells (rule 1): then they are read again.
 */
export async function readCycles(deps: ObserveDeps, project: KeptProject, correlation: string): Promise<void> {
  const mark = await takeMark(deps, project.id);
  const listed: Cycle[] = [];
  let date = "";
  for await (const answer of deps.plane.pages(cycleCalls.list, { params: { project: project.id } })) {
    if (date === "") date = planeDate(answer.date);
    listed.push(...answer.data.results);
  }
  const since = project.cyclesRead ? project.began : newSince(project);
  let overtaken = false;
  for (const cycle of listed) {
    const seen = { cycle: seenCycle(cycle, date), date, mark, isNew: cycle.created_at >= since };
    if ((await observeCycle(deps, project, seen, correlation)) === "overtaken") overtaken = true;
  }
  await forgetOthers(deps, project.id, new Set(listed.map((cycle) => cycle.id)), mark);
  if (overtaken) await deps.store.commit({ jobs: [cyclesJob(project.id, `again:${mark}`, correlation)] });
  if (!project.cyclesRead) await cyclesRead(deps, project.id);
}

/**
 * Looks at the kept cycles again: time passed, and Plane's clock says how much. No request. With the same days a phase
 * only goes on: a `date` from before the cycle was last read turns nothing back.
 */
export async function watchCycles(
  deps: ObserveDeps,
  project: KeptProject,
  date: string,
  correlation: string,
): Promise<void> {
  for (const { value, rev } of await all<KeptCycle>(deps, sets.cycles(project.id))) {
    const cycle = { ...value, phase: phaseOf(value, date) };
    if (PHASES.indexOf(cycle.phase) <= PHASES.indexOf(value.phase)) continue;
    await observeCycle(deps, project, { cycle, date, mark: rev, isNew: true }, correlation);
  }
}

function seenCycle(cycle: Cycle, date: string): KeptCycle {
  const { id, project, name, start_date: start, end_date: end } = cycle;
  const counts = { done: cycle.completed_issues, total: cycle.total_issues };
  return { id, project, name, start, end, phase: phaseOf({ start, end }, date), ...counts };
}

interface SeenCycle {
  cycle: KeptCycle;
  /** Plane's time of the observation. */
  date: string;
  /** A revision from before the observation began. */
  mark: Rev;
  /** An unseen one was made since we began. */
  isNew: boolean;
}

async function observeCycle(
  deps: ObserveDeps,
  project: KeptProject,
  seen: SeenCycle,
  correlation: string,
): Promise<"kept" | "same" | "overtaken"> {
  const { cycle, date } = seen;
  const key = keys.cycle(cycle.id);
  for (;;) {
    const [kept] = await deps.store.read<KeptCycle>([key]);
    if (kept && JSON.stringify(kept.value) === JSON.stringify(cycle)) return "same";
    const rev = kept?.rev ?? 0;
    if (rev > seen.mark) return "overtaken";
    const events = kept || seen.isNew ? cycleEvents(kept?.value.phase, cycle.phase) : [];
    const facts = async () => cycleFacts(deps, project, cycle, date);
    const decision = await decide(deps, { key, rev, events, correlation, via: "read", facts });
    const put = [{ key, value: cycle, sets: [sets.cycles(project.id)] }, ...decision.put];
    if ((await deps.store.commit({ expect: [[key, rev]], put, jobs: decision.jobs })) !== "kept") continue;
    decision.tell();
    return "kept";
  }
}

/** A deleted cycle says nothing; should it come back, it is known by its age. */
async function forgetOthers(deps: ObserveDeps, project: string, listed: Set<string>, mark: Rev): Promise<void> {
  for (const { key, value, rev } of await all<KeptCycle>(deps, sets.cycles(project))) {
    if (!listed.has(value.id) && rev <= mark)
      await deps.store.commit({ expect: [[key, rev]], put: [{ key, value: undefined }] });
  }
}

async function cyclesRead(deps: ObserveDeps, id: string): Promise<void> {
  for (;;) {
    const [kept] = await deps.store.read<KeptProject>([keys.project(id)]);
    if (!kept || kept.value.cyclesRead) return;
    const put = [projectPut({ ...kept.value, cyclesRead: true })];
    if ((await deps.store.commit({ expect: [[keys.project(id), kept.rev]], put })) === "kept") return;
  }
}
