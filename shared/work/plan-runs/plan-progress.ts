import { sha256Hex } from "../../hashing/sha256-hex.ts";
import { keepDefined } from "../../keep-defined.ts";
import type { KeptProject } from "../../observe/stored-records.ts";
import { updateValue } from "../../store/update.ts";
import { DAY, type Ms } from "../../time.ts";
import type { WorkDeps } from "../context/call-context.ts";
import { workKeys } from "../context/work-keys.ts";
import type { PlannedTask } from "./plan.ts";

/** The steps in order: the task was created, its blockers, cycle and module were added, its assignee was set. */
export type PlanStep = "made" | "related" | "cycle" | "module" | "handed";

/** The progress of a planned task. */
interface PlannedTaskProgress {
  title: string;
  item: string;
  /** `ONB-12` */
  key: string;
  steps: PlanStep[];
}

/** All planned tasks of a project, by their external ids in Plane. */
interface KeptPlan {
  tasks: Record<string, PlannedTaskProgress>;
}

/** Retention of a plan's progress: 30 days after the last step; Plane still knows what was created. */
const KEPT_MS: Ms = 30 * DAY;

/** The external id of a planned task: the same id and title in the same project are the same task. */
export async function hashPlannedTask({ id, title }: PlannedTask): Promise<string> {
  return `plan:${(await sha256Hex(JSON.stringify([id, title.trim()]))).slice(0, 32)}`;
}

/** Returns the steps that a planned task needs. */
export function listRequiredSteps({ blocked_by, cycle, module, assignee, estimate }: PlannedTask): PlanStep[] {
  return keepDefined<PlanStep>([
    "made",
    blocked_by?.length ? "related" : undefined,
    cycle !== undefined ? "cycle" : undefined,
    module !== undefined ? "module" : undefined,
    assignee !== undefined || estimate !== undefined ? "handed" : undefined,
  ]);
}

/** Whether all steps that a planned task needs are done. */
export function isTaskComplete(task: PlannedTask, progress: PlannedTaskProgress | undefined): boolean {
  return listRequiredSteps(task).every((step) => progress?.steps.includes(step) ?? false);
}

/** Counts the steps of a plan's tasks, and those that are done. */
export async function countSteps(
  tasks: readonly PlannedTask[],
  progress: KeptPlan["tasks"],
): Promise<{ done: number; total: number }> {
  const counts = await Promise.all(
    tasks.map(async (task) => {
      const required = listRequiredSteps(task);
      const steps = progress[await hashPlannedTask(task)]?.steps ?? [];
      return { done: required.filter((step) => steps.includes(step)).length, total: required.length };
    }),
  );
  const sum = (count: (task: { done: number; total: number }) => number) =>
    counts.reduce((total, task) => total + count(task), 0);
  return { done: sum(({ done }) => done), total: sum(({ total }) => total) };
}

/** Reads the progress of all planned tasks of a project, by Plane's id of it. */
export async function readPlanProgress(deps: Pick<WorkDeps, "store">, project: string): Promise<KeptPlan["tasks"]> {
  const [kept] = await deps.store.read<KeptPlan>([workKeys.plan(project)]);
  return kept?.value.tasks ?? {};
}

/** Records that a step is done. */
export async function savePlanStep(
  deps: Pick<WorkDeps, "store">,
  project: KeptProject,
  name: string,
  step: PlanStep,
  { title, item, key }: { title: string; item: string | undefined; key: string | undefined },
): Promise<void> {
  const record = workKeys.plan(project.id);
  await updateValue<KeptPlan>(deps, record, (current) => {
    const tasks = current?.tasks ?? {};
    const before = tasks[name] ?? { title, item: item ?? "", key: key ?? "", steps: [] };
    const value = { tasks: { ...tasks, [name]: { ...before, steps: [...before.steps, step] } } } satisfies KeptPlan;
    return { put: [{ key: record, value, expires: KEPT_MS }] };
  });
}
