import type { KeptProject } from "../../observe/stored-records.ts";
import type { Assignee } from "../changes/assignees.ts";
import { addBlockers, assignIfUnassigned, createItem, renderBlockedByLine } from "../changes/create-item.ts";
import type { CallContext } from "../context/call-context.ts";
import type { PlannedCycle, PlannedTask } from "../plan-runs/plan.ts";
import {
  hashPlannedTask,
  listRequiredSteps,
  type PlanStep,
  readPlanProgress,
  savePlanStep,
} from "../plan-runs/plan-progress.ts";
import { findKeptTask, type Task } from "../tasks/find-task.ts";
import { toItemFields } from "./create-task.ts";
import { addPlannedCard } from "./planned-card.ts";
import { addToGroup, type TaskGroupKind } from "./task-groups.ts";

/** What the steps of a plan need. */
export interface PlanSteps {
  context: CallContext;
  project: KeptProject;
  /** In topological order: blockers before their dependants. */
  tasks: readonly PlannedTask[];
  /** The dates of cycles that the tasks name. */
  cycles: readonly PlannedCycle[];
  /** Assignees by the names the plan uses. */
  assignees: ReadonlyMap<string, Assignee>;
  /** Blockers outside the plan, by the names the plan uses. */
  externalTasks: ReadonlyMap<string, Task>;
  /** Called before each step. Throws when another call carries the plan out. */
  renew: () => Promise<void>;
  /** Records a problem that does not end the plan. */
  warn: (text: string) => Promise<void>;
}

/**
 * Creates all tasks, then their relations, cycles and modules, then their assignments, so that no agent starts with an incomplete plan.
 * Each step runs once and is recorded when done; the steps continue where they were interrupted.
 */
export async function runPlanSteps(steps: PlanSteps): Promise<void> {
  const { context, tasks, project } = steps;
  for (const planned of tasks) {
    await runStepOnce(steps, planned, "made", async (_, blockers) => {
      const fields = await toItemFields(planned, await renderBlockedByLine(context, blockers));
      return (await createItem(context, project, await hashPlannedTask(planned), fields)).task;
    });
  }
  for (const planned of tasks)
    await runStepOnce(
      steps,
      planned,
      "related",
      async (task, blockers) => task && addBlockers(context, task, blockers),
    );
  for (const kind of ["cycle", "module"] as const) await addToGroups(steps, kind);
  for (const planned of tasks)
    await runStepOnce(steps, planned, "handed", async (task) => task && assignPlannedTask(steps, planned, task));
}

/** Adds the tasks of each cycle or module with one request, because Plane takes several at once. */
async function addToGroups({ context, project, tasks, cycles, renew }: PlanSteps, kind: TaskGroupKind): Promise<void> {
  const { deps } = context;
  for (const name of new Set(tasks.flatMap((task) => task[kind] ?? []))) {
    const progress = await readPlanProgress(deps, project.id);
    const planned = await Promise.all(
      tasks
        .flatMap((task) => (task[kind] === name ? [task] : []))
        .map(async (task) => [task, await hashPlannedTask(task)] as const),
    );
    const left = planned.filter(([, hash]) => !progress[hash]?.steps.includes(kind));
    if (left.length === 0) continue;
    await renew();
    const found = await Promise.all(left.map(([, hash]) => findKeptTask(deps, progress[hash]?.item ?? "")));
    const items = found.flatMap((task) => (task && task.item.gone === undefined ? [task.id] : []));
    const dates = cycles.find((cycle) => cycle.name === name);
    if (items.length > 0) await addToGroup(context, project.id, { kind, name, dates }, items);
    for (const [task, hash] of left)
      await savePlanStep(deps, project, hash, kind, { title: task.title, item: undefined, key: undefined });
  }
}

async function assignPlannedTask(
  { context, assignees, warn }: PlanSteps,
  planned: PlannedTask,
  task: Task,
): Promise<Task> {
  const assignee = assignees.get(planned.assignee ?? "");
  const { task: assigned, refused } = assignee
    ? await assignIfUnassigned(context, task, assignee)
    : { task, refused: undefined };
  if (refused) await warn(`${planned.id}: ${refused}`);
  await addPlannedCard(context, assigned, assignee, planned.estimate);
  return assigned;
}

/** Runs a step that the task needs, unless it is recorded as done. A task that people have deleted is skipped. */
async function runStepOnce(
  { context, project, tasks, externalTasks, renew }: PlanSteps,
  planned: PlannedTask,
  step: PlanStep,
  action: (task: Task | undefined, blockers: Task[]) => Promise<Task | undefined>,
): Promise<void> {
  if (!listRequiredSteps(planned).includes(step)) return;
  const { deps } = context;
  const progress = await readPlanProgress(deps, project.id);
  const name = await hashPlannedTask(planned);
  const before = progress[name];
  if (before?.steps.includes(step)) return;
  await renew();
  const blockers = new Map<string, Task>();
  for (const other of planned.blocked_by ?? []) {
    const local = tasks.find(({ id }) => id === other);
    const localProgress = local && progress[await hashPlannedTask(local)];
    const task = localProgress ? await findKeptTask(deps, localProgress.item) : externalTasks.get(other);
    if (task && task.item.gone === undefined) blockers.set(task.id, task);
  }
  const task = before && (await findKeptTask(deps, before.item));
  const result = task?.item.gone === undefined ? await action(task, [...blockers.values()]) : undefined;
  await savePlanStep(deps, project, name, step, { title: planned.title, item: result?.id, key: result?.key });
}
