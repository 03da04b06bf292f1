import type { KeptProject } from "../../observe/stored-records.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import type { WorkDeps } from "../context/call-context.ts";
import type { PlanCost } from "../plan-runs/plan.ts";
import { countSteps, hashPlannedTask, readPlanProgress } from "../plan-runs/plan-progress.ts";
import type { PlanRun } from "../plan-runs/plan-run.ts";
import type { CheckedPlan } from "./check-plan.ts";

export interface PlanAnswer {
  /** `ONB`; absent until the project has been created. */
  project?: string;
  /** In topological order: blockers before their dependants. */
  tasks: { id: string; key?: string; title: string; assignee?: string; blocked_by: string[] }[];
  /** Keys of the tasks that have been created in Plane. */
  done: string[];
  /** Remaining steps, about one per second; 0 when the plan is complete and its tasks are visible to agents. */
  remaining: number;
  /** A person has to approve the plan before it is carried out. */
  awaiting_approval?: true;
  /** Seconds after which most of the remaining steps are done. */
  retry_after?: number;
  problems: string[];
  warnings: string[];
  cost: PlanCost;
}

/** Limit of `retry_after`: 60 s, after which the same call shows the progress. */
const MAX_RETRY_AFTER_S = 60;

/** Returns the present state of a plan. Without a run nothing has been created for it. */
export async function readPlanAnswer(
  deps: Pick<WorkDeps, "store">,
  { tasks, problems, warnings, cost }: CheckedPlan,
  project: KeptProject | undefined,
  run: PlanRun | undefined,
): Promise<PlanAnswer> {
  const progress = project ? await readPlanProgress(deps, project.id) : {};
  const keys = new Map<string, string>();
  for (const task of tasks) {
    const key = progress[await hashPlannedTask(task)]?.key;
    if (key) keys.set(task.id, key);
  }
  const steps = await countSteps(tasks, progress);
  const left = steps.total - steps.done + (project ? 0 : 1);
  const remaining = run?.state === "done" ? 0 : run ? Math.max(1, left) : left;
  const isRunning = run?.state === "running";
  return {
    ...omitUndefined({ project: project?.identifier }),
    tasks: tasks.map(({ id, title, assignee, blocked_by = [] }) => ({
      id,
      ...omitUndefined({ key: keys.get(id) }),
      title,
      ...omitUndefined({ assignee }),
      blocked_by: blocked_by.map((other) => keys.get(other) ?? other),
    })),
    done: tasks.flatMap(({ id }) => keys.get(id) ?? []),
    remaining,
    ...omitUndefined({
      awaiting_approval: run?.state === "awaiting_approval" ? (true as const) : undefined,
      retry_after: isRunning ? Math.min(remaining, MAX_RETRY_AFTER_S) : undefined,
    }),
    problems,
    warnings: [...warnings, ...(run?.warnings ?? [])],
    cost,
  };
}
