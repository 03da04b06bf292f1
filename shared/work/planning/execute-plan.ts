import { GroundcrewError } from "../../errors.ts";
import { keepDefined } from "../../keep-defined.ts";
import type { KeptProject } from "../../observe/stored-records.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { PlaneRateLimitedError } from "../../plane/errors.ts";
import { MINUTE } from "../../time.ts";
import { updateCard } from "../card/card-record.ts";
import { addBlockers, assignIfUnassigned, createItem, renderBlockedByLine } from "../changes/create-item.ts";
import type { CallContext } from "../context/call-context.ts";
import { withLock } from "../context/with-lock.ts";
import type { Plan, PlannedTask } from "../plan-runs/plan.ts";
import { hashPlannedTask, type PlanStep, readPlanProgress, savePlanStep } from "../plan-runs/plan-progress.ts";
import { findKeptTask, findProject, type Task } from "../tasks/find-task.ts";
import { type CheckedPlan, checkPlan, type PlanCost } from "./check-plan.ts";
import { createProject, findIdentifierProblem, isProjectIncomplete } from "./create-project.ts";
import { toItemFields } from "./create-task.ts";
import { cleanProjectName, findProjectNameProblem } from "./project-name.ts";

export interface PlanResult {
  /** `ONB`; absent until the project has been created. */
  project?: string;
  /** In topological order: blockers before their dependants. */
  tasks: { id: string; key?: string; title: string; assignee?: string; blocked_by: string[] }[];
  /** Keys of the tasks that have been created in Plane. */
  done: string[];
  /** Remaining steps, about one per second; 0 when the plan is complete. */
  remaining: number;
  /** Seconds after which the same call continues. */
  retry_after?: number;
  problems: string[];
  warnings: string[];
  cost: PlanCost;
}

/**
 * Creates a whole plan as the caller: project, tasks, dependencies, and assignees last, so that no agent starts with an
 * incomplete plan. Repeating the call continues where it was interrupted, or where Plane's quota ended it (`remaining`
 * above 0). Tasks with the same project, id and title are the same task. Throws `bad_request` with all problems before
 * anything is written; `dry_run` returns them instead.
 */
export async function executePlan(context: CallContext, plan: Plan): Promise<PlanResult> {
  const { deps } = context;
  const name = cleanProjectName(plan.project);
  const existing = (await isProjectIncomplete(context, name)) ? undefined : await findProject(deps, name);
  const checkedPlan = await checkPlan(context, plan.tasks);
  const { problems } = checkedPlan;
  if (!existing) {
    const nameProblems = [findProjectNameProblem(name), findIdentifierProblem(context, plan.identifier)];
    problems.push(...keepDefined(nameProblems));
  }
  if (plan.dry_run) return toPlanResult(context, checkedPlan, existing);
  if (problems.length > 0)
    throw new GroundcrewError("bad_request", `Nothing was created. Fix these problems: ${problems.join("; ")}.`);

  let project = existing;
  try {
    project ??= await createProject(context, { ...plan, name });
    const target = project;
    await withLock(context, "plan", target.id, (renew) =>
      runPlanSteps({ context, project: target, checkedPlan, renew }),
    );
  } catch (thrown) {
    if (!(thrown instanceof PlaneRateLimitedError)) throw thrown;
    const retryAfter = Math.max(1, Math.ceil(thrown.retryAfter / 1000));
    return { ...(await toPlanResult(context, checkedPlan, project)), retry_after: retryAfter };
  }
  return toPlanResult(context, checkedPlan, project);
}

interface PlanRun {
  context: CallContext;
  project: KeptProject;
  checkedPlan: CheckedPlan;
  renew: () => Promise<void>;
}

/** Creates all tasks, then their relations, then their assignments. Each step runs once and is recorded when done. */
async function runPlanSteps(run: PlanRun): Promise<void> {
  const { context, checkedPlan } = run;
  for (const planned of checkedPlan.tasks) {
    await runStepOnce(run, planned, "made", async (_, blockers) => {
      const fields = await toItemFields(planned, await renderBlockedByLine(context, blockers));
      return (await createItem(context, run.project, await hashPlannedTask(planned), fields)).task;
    });
  }
  for (const planned of checkedPlan.tasks.filter(({ blocked_by = [] }) => blocked_by.length > 0))
    await runStepOnce(run, planned, "related", async (task, blockers) => task && addBlockers(context, task, blockers));
  for (const planned of checkedPlan.tasks.filter(needsAssignment))
    await runStepOnce(run, planned, "handed", async (task) => task && assignPlannedTask(run, planned, task));
}

async function assignPlannedTask({ context, checkedPlan }: PlanRun, planned: PlannedTask, task: Task): Promise<Task> {
  const assignee = checkedPlan.assignees.get(planned.assignee ?? "");
  const { task: assigned, refused } = assignee
    ? await assignIfUnassigned(context, task, assignee)
    : { task, refused: undefined };
  if (refused) checkedPlan.warnings.push(`${planned.id}: ${refused}`);
  const { minutes, cost } = planned.estimate ?? {};
  const estimate = omitUndefined({ cost, ms: minutes !== undefined ? minutes * MINUTE : undefined });
  if (Object.keys(estimate).length > 0) await updateCard(context, assigned, { estimate });
  return assigned;
}

/** Runs a step unless it is recorded as done. A task that people have deleted meanwhile is skipped. */
async function runStepOnce(
  { context, project, checkedPlan, renew }: PlanRun,
  planned: PlannedTask,
  step: PlanStep,
  action: (task: Task | undefined, blockers: Task[]) => Promise<Task | undefined>,
): Promise<void> {
  const { deps } = context;
  const progress = await readPlanProgress(deps, project.id);
  const name = await hashPlannedTask(planned);
  const before = progress[name];
  if (before?.steps.includes(step)) return;
  await renew();
  const blockers = new Map<string, Task>();
  for (const other of planned.blocked_by ?? []) {
    const local = checkedPlan.tasks.find(({ id }) => id === other);
    const localProgress = local && progress[await hashPlannedTask(local)];
    const task = localProgress ? await findKeptTask(deps, localProgress.item) : checkedPlan.externalTasks.get(other);
    if (task && task.item.gone === undefined) blockers.set(task.id, task);
  }
  const task = before && (await findKeptTask(deps, before.item));
  const result = task?.item.gone === undefined ? await action(task, [...blockers.values()]) : undefined;
  await savePlanStep(deps, project, name, step, { title: planned.title, item: result?.id, key: result?.key });
}

function needsAssignment({ assignee, estimate }: PlannedTask): boolean {
  return assignee !== undefined || estimate !== undefined;
}

/** Returns the current state of the plan. */
async function toPlanResult(
  context: CallContext,
  checkedPlan: CheckedPlan,
  project: KeptProject | undefined,
): Promise<PlanResult> {
  const { problems, cost } = checkedPlan;
  const progress = project ? await readPlanProgress(context.deps, project.id) : {};
  const steps = await Promise.all(
    checkedPlan.tasks.map(async (task) => [task.id, progress[await hashPlannedTask(task)]] as const),
  );
  const progressById = new Map(steps);
  const hasStep = (id: string, step: PlanStep) => progressById.get(id)?.steps.includes(step) ?? false;
  const remainingSteps = checkedPlan.tasks.map((task) => {
    const requiredSteps = keepDefined<PlanStep>([
      "made",
      task.blocked_by?.length ? "related" : undefined,
      needsAssignment(task) ? "handed" : undefined,
    ]);
    return requiredSteps.filter((step) => !hasStep(task.id, step)).length;
  });
  return {
    ...omitUndefined({ project: project?.identifier }),
    tasks: checkedPlan.tasks.map(({ id, title, assignee, blocked_by = [] }) => ({
      id,
      ...omitUndefined({ key: progressById.get(id)?.key }),
      title,
      ...omitUndefined({ assignee }),
      blocked_by: blocked_by.map((other) => progressById.get(other)?.key ?? other),
    })),
    done: checkedPlan.tasks.flatMap(({ id }) => progressById.get(id)?.key ?? []),
    remaining: remainingSteps.reduce((sum, steps) => sum + steps, 0) + (project ? 0 : 1),
    problems,
    warnings: checkedPlan.warnings,
    cost,
  };
}
