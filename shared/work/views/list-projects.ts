import { listReadableProjects } from "../../observe/project-record.ts";
import { observedSets } from "../../observe/store-keys.ts";
import type { KeptProject } from "../../observe/stored-records.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { scanRows } from "../../store/scan-set.ts";
import { isBlocked } from "../../task/diff.ts";
import type { KeptItem } from "../../task/snapshot.ts";
import { SECOND } from "../../time.ts";
import type { CallContext } from "../context/call-context.ts";
import type { PlanRunState } from "../plan-runs/plan-run.ts";
import { readPlanRuns } from "../plan-runs/read-plan-runs.ts";
import { countTasks } from "../tasks/count-tasks.ts";
import { type KeptSpending, readAllSpending, roundAmount } from "../time/spending.ts";

/** A project with its progress. */
export interface ProjectProgress {
  /** `ONB` */
  project: string;
  name: string;
  /** Number of all tasks, and of those that are done or cancelled. */
  total: number;
  closed: number;
  /** Numbers of open tasks that are in progress, that are blocked, and that a human reviews; absent: none. */
  in_progress?: number;
  blocked?: number;
  in_review?: number;
  /** Time and cost that agents have reported, in the budget's currency; absent: none. */
  spent_s?: number;
  cost?: number;
}

/** A plan that is not complete. */
export interface UnfinishedPlan {
  /** The project's name, as planned. */
  title: string;
  /** `ONB`; absent until the project has been created. */
  project?: string;
  state: Exclude<PlanRunState, "done">;
  /** Steps that are done, and all steps. */
  done: number;
  total: number;
  /** Why it was rejected, or why it failed. */
  reason?: string;
}

export interface ProjectList {
  projects: ProjectProgress[];
  /** Plans that wait, are carried out, were rejected or have failed, newest first; absent: none. */
  plans?: UnfinishedPlan[];
  currency?: string;
}

/** Lists the projects with their progress, time and cost, by identifier. Makes no request to Plane. */
export async function listProjects({ deps }: CallContext): Promise<ProjectList> {
  const [projects, spending, runs] = await Promise.all([
    listReadableProjects(deps),
    readAllSpending(deps.store),
    readPlanRuns(deps),
  ]);
  const rows: ProjectProgress[] = [];
  for (const project of projects) rows.push(await describeProject(deps, project, spending));
  rows.sort((a, b) => (a.project < b.project ? -1 : 1));
  const plans = runs.flatMap(({ title, project, state, done, total, reason }): UnfinishedPlan[] =>
    state === "done" ? [] : [{ title, state, done, total, ...omitUndefined({ project, reason }) }],
  );
  return {
    projects: rows,
    ...omitUndefined({ plans: plans.length > 0 ? plans : undefined, currency: deps.settings.budget?.currency }),
  };
}

async function describeProject(
  deps: CallContext["deps"],
  project: KeptProject,
  spending: readonly KeptSpending[],
): Promise<ProjectProgress> {
  const open = { in_progress: 0, blocked: 0, in_review: 0 };
  for await (const { value } of scanRows<KeptItem>(deps, observedSets.open(project.id))) {
    if (value.review) open.in_review += 1;
    else if (isBlocked(value)) open.blocked += 1;
    else if (value.snapshot.word === "in_progress") open.in_progress += 1;
  }
  const own = spending.filter((entry) => entry.project === project.identifier);
  const ms = own.reduce((sum, entry) => sum + entry.ms, 0);
  const cost = own.reduce((sum, entry) => sum + entry.cost, 0);
  return {
    project: project.identifier,
    name: project.name,
    ...(await countTasks(deps, project)),
    ...omitZero({ ...open, spent_s: Math.round(ms / SECOND), cost: roundAmount(cost) }),
  };
}

/** Leaves out what is 0, so that the list stays short. */
function omitZero<K extends string>(counts: Record<K, number>): Partial<Record<K, number>> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0)) as Partial<Record<K, number>>;
}
