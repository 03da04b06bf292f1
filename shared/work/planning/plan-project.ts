import { GroundcrewError } from "../../errors.ts";
import { keepDefined } from "../../keep-defined.ts";
import type { KeptProject } from "../../observe/stored-records.ts";
import type { CallContext } from "../context/call-context.ts";
import type { Plan } from "../plan-runs/plan.ts";
import { hashPlannedTask, readPlanProgress } from "../plan-runs/plan-progress.ts";
import { findProject } from "../tasks/find-task.ts";
import { type CheckedPlan, checkPlan } from "./check-plan.ts";
import { findIdentifierProblem, isProjectIncomplete } from "./create-project.ts";
import { type PlanAnswer, readPlanAnswer } from "./plan-answer.ts";
import { cleanProjectName, findProjectNameProblem } from "./project-name.ts";
import { startPlan } from "./start-plan.ts";

/**
 * Checks a plan and starts it: Groundcrew then creates its project, tasks and dependencies in the background and sets
 * the assignees last, so that no agent sees a part of it. A plan for a person's wish first waits for their approval
 * (setting `plan.approve`). Repeating the call returns its present state (`remaining`), and continues a plan that has
 * failed. Tasks with the same project, id and title are the same task. Throws `bad_request` with all problems before
 * anything is stored; `dry_run` returns them instead.
 */
export async function planProject(context: CallContext, given: Plan): Promise<PlanAnswer> {
  const { deps } = context;
  const name = cleanProjectName(given.project);
  const existing = (await isProjectIncomplete(context, name)) ? undefined : await findProject(deps, name);
  const checkedPlan = await checkPlan(context, given, await findCreatedTasks(context, given, existing));
  const { problems } = checkedPlan;
  if (!existing) problems.push(...findProjectProblems(context, name, given.identifier));
  if (given.dry_run) return readPlanAnswer(deps, checkedPlan, existing, undefined);
  if (problems.length > 0)
    throw new GroundcrewError("bad_request", `Nothing was created. Fix these problems: ${problems.join("; ")}.`);
  const plan: Plan = { ...given, project: name, tasks: checkedPlan.tasks };
  return answer(context, checkedPlan, existing, plan);
}

async function answer(
  context: CallContext,
  checkedPlan: CheckedPlan,
  existing: KeptProject | undefined,
  plan: Plan,
): Promise<PlanAnswer> {
  const run = await startPlan(context, plan, existing, checkedPlan);
  const project = existing ?? (run.project === undefined ? undefined : await findProject(context.deps, run.project));
  return readPlanAnswer(context.deps, checkedPlan, project, run);
}

/** The ids of the plan's tasks that exist already, because the call is repeated. */
async function findCreatedTasks(
  { deps }: CallContext,
  { tasks }: Pick<Plan, "tasks">,
  project: KeptProject | undefined,
): Promise<Set<string>> {
  const progress = project ? await readPlanProgress(deps, project.id) : {};
  const created = await Promise.all(tasks.map(async (task) => progress[await hashPlannedTask(task)] && task.id));
  return new Set(keepDefined(created));
}

function findProjectProblems(context: CallContext, name: string, identifier: string | undefined): string[] {
  return keepDefined([findProjectNameProblem(name), findIdentifierProblem(context, identifier)]);
}
