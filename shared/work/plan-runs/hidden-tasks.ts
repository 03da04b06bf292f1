import { readAllRows } from "../../store/scan-set.ts";
import { isOpenItem } from "../../task/diff.ts";
import type { KeptItem } from "../../task/snapshot.ts";
import { DAY, type Ms } from "../../time.ts";
import type { WorkDeps } from "../context/call-context.ts";
import { workSets } from "../context/work-keys.ts";
import { hashPlannedTask, readPlanProgress } from "./plan-progress.ts";
import type { PlanRun } from "./plan-run.ts";

/** Time for which the tasks of a failed plan stay hidden: 1 day, in which it can be repeated or its tasks be changed. */
const FAILED_HIDDEN_MS: Ms = DAY;

/** Whether agents must not see a task yet. */
export type HiddenCheck = (item: KeptItem) => boolean;

/**
 * Reads which tasks agents must not see yet, because the plan that they belong to is incomplete: its dependencies or
 * assignments may be missing. A task that somebody has started is visible. Makes no request to Plane.
 */
export async function readHiddenTasks(deps: Pick<WorkDeps, "store">): Promise<HiddenCheck> {
  const rows = await readAllRows<PlanRun>(deps, workSets.unfinishedPlanRuns);
  if (rows.length === 0) return () => false;
  const now = await deps.store.now();
  const projects = new Set<string>();
  const items = new Set<string>();
  for (const { value: run } of rows) {
    if (run.project === undefined || !isHiding(run, now)) continue;
    if (run.isNewProject) projects.add(run.project);
    else for (const item of await readRunItems(deps, run)) items.add(item);
  }
  return (item) =>
    isOpenItem(item) &&
    item.snapshot.word !== "in_progress" &&
    (projects.has(item.snapshot.project) || items.has(item.snapshot.id));
}

function isHiding({ state, endedAt }: PlanRun, now: Ms): boolean {
  return state === "running" || (state === "failed" && now < (endedAt ?? 0) + FAILED_HIDDEN_MS);
}

/** Reads Plane's ids of the tasks that a run has created, without those that were complete before it. */
async function readRunItems(deps: Pick<WorkDeps, "store">, run: PlanRun): Promise<string[]> {
  const items = await readPlannedItems(deps, run);
  return [...items].flatMap(([name, item]) => (run.complete.includes(name) ? [] : [item]));
}

/** Reads Plane's ids of all existing tasks of a plan, by the names of the planned tasks. */
export async function readPlannedItems(
  deps: Pick<WorkDeps, "store">,
  { project, plan }: PlanRun,
): Promise<Map<string, string>> {
  if (project === undefined) return new Map();
  const progress = await readPlanProgress(deps, project);
  const names = await Promise.all(plan.tasks.map(hashPlannedTask));
  return new Map(names.flatMap((name) => (progress[name]?.item ? [[name, progress[name].item]] : [])));
}
