import { type Cycle, cycles as cycleCalls } from "../plane/cycles-modules.ts";
import type { CycleEvent } from "../task/events.ts";
import { decide } from "./act.ts";
import { cycleFacts } from "./facts.ts";
import type { ObserveDeps } from "./item.ts";
import type { CyclePhase, KeptCycle, KeptProject } from "./kept.ts";
import { keys, sets } from "./keys.ts";
import { newSince, planeDate, projectPut } from "./projects.ts";

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

/** Reads a project's cycles; the first reading is its baseline and silent. */
export async function readCycles(deps: ObserveDeps, project: KeptProject, correlation: string): Promise<void> {
  const listed: Cycle[] = [];
  let date = "";
  for await (const answer of deps.plane.pages(cycleCalls.list, { params: { project: project.id } })) {
    if (date === "") date = planeDate(answer.date);
    listed.push(...answer.data.results);
  }
  const since = project.cyclesRead ? project.began : newSince(project);
  for (const cycle of listed) {
    await observeCycle(deps, project, seenCycle(cycle, date), date, cycle.created_at >= since, correlation);
  }
  await forgetOthers(deps, project.id, new Set(listed.map((cycle) => cycle.id)));
  if (!project.cyclesRead) await cyclesRead(deps, project.id);
}

/** Looks at the kept cycles again: time passed, and Plane's clock says how much. No request. */
export async function watchCycles(
  deps: ObserveDeps,
  project: KeptProject,
  date: string,
  correlation: string,
): Promise<void> {
  const { rows } = await deps.store.scan<KeptCycle>(sets.cycles(project.id), undefined, 1000);
  for (const { value } of rows) {
    await observeCycle(deps, project, { ...value, phase: phaseOf(value, date) }, date, true, correlation);
  }
}

function seenCycle(cycle: Cycle, date: string): KeptCycle {
  const { id, project, name, start_date: start, end_date: end } = cycle;
  const counts = { done: cycle.completed_issues, total: cycle.total_issues };
  return { id, project, name, start, end, phase: phaseOf({ start, end }, date), ...counts };
}

async function observeCycle(
  deps: ObserveDeps,
  project: KeptProject,
  seen: KeptCycle,
  date: string,
  isNew: boolean,
  correlation: string,
): Promise<void> {
  const key = keys.cycle(seen.id);
  for (;;) {
    const [kept] = await deps.store.read<KeptCycle>([key]);
    if (kept && JSON.stringify(kept.value) === JSON.stringify(seen)) return;
    const rev = kept?.rev ?? 0;
    const events = kept || isNew ? cycleEvents(kept?.value.phase, seen.phase) : [];
    const facts = async () => cycleFacts(deps, project, seen, date);
    const decision = await decide(deps, { key, rev, events, correlation, via: "read", facts });
    const put = [{ key, value: seen, sets: [sets.cycles(project.id)] }];
    if ((await deps.store.commit({ expect: [[key, rev]], put, jobs: decision.jobs })) !== "kept") continue;
    decision.tell();
    return;
  }
}

/** A deleted cycle says nothing; should it come back, it is known by its age. */
async function forgetOthers(deps: ObserveDeps, project: string, listed: Set<string>): Promise<void> {
  const { rows } = await deps.store.scan<KeptCycle>(sets.cycles(project), undefined, 1000);
  for (const { key, value, rev } of rows) {
    if (!listed.has(value.id)) await deps.store.commit({ expect: [[key, rev]], put: [{ key, value: undefined }] });
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
