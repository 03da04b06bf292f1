import { observedKeys } from "../../observe/store-keys.ts";
import type { KeptProject } from "../../observe/stored-records.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { readAllRows } from "../../store/scan-set.ts";
import type { WorkDeps } from "../context/call-context.ts";
import { workSets } from "../context/work-keys.ts";
import { countSteps, readPlanProgress } from "./plan-progress.ts";
import type { PlanRun, PlanRunState } from "./plan-run.ts";

/** How far a plan is, for people and agents. */
export interface PlanRunSummary {
  /** The id of its run. */
  id: string;
  /** The project's name, as planned. */
  title: string;
  /** `ONB`; absent until the project has been created. */
  project?: string;
  agent: string;
  /** The id of the wish that the plan is for. */
  wish?: string;
  state: PlanRunState;
  /** Steps that are done, and all steps: the project, and up to three for each task. */
  done: number;
  total: number;
  /** Why it was rejected, or why it failed. */
  reason?: string;
  /** Store time of the proposal or start. */
  at: number;
}

/** Reads all stored plans with their progress, newest first. Makes no request to Plane. */
export async function readPlanRuns(deps: Pick<WorkDeps, "store">): Promise<PlanRunSummary[]> {
  const rows = await readAllRows<PlanRun>(deps, workSets.planRuns);
  const summaries = await Promise.all(rows.map(({ value }) => summarizeRun(deps, value)));
  return summaries.sort((a, b) => b.at - a.at);
}

async function summarizeRun(deps: Pick<WorkDeps, "store">, run: PlanRun): Promise<PlanRunSummary> {
  const { id, plan, agent, wish, state, reason, at } = run;
  const [project] =
    run.project === undefined ? [] : await deps.store.read<KeptProject>([observedKeys.project(run.project)]);
  const progress = run.project === undefined ? {} : await readPlanProgress(deps, run.project);
  const steps = await countSteps(plan.tasks, progress);
  const total = steps.total + 1;
  const done = state === "done" ? total : steps.done + (run.project === undefined ? 0 : 1);
  return {
    id,
    title: plan.project,
    ...omitUndefined({ project: project?.value.identifier }),
    agent,
    ...omitUndefined({ wish }),
    state,
    done,
    total,
    ...omitUndefined({ reason }),
    at,
  };
}
