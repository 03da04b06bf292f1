/** What planning needs to know: projects with their progress, the plans that are not complete, and the team. */

import { readAgentPace } from "../../accounting/history.ts";
import { readAllSpending, roundAmount, type SpendingRecord } from "../../accounting/spending.ts";
import type { TaskDeps } from "../../app/deps.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { listReadableProjects, type ProjectRecord } from "../../records/plane-records.ts";
import { observedKeys, observedSets, workSets } from "../../records/store-keys.ts";
import type { ClaimRecord } from "../../records/task-records.ts";
import { readAllRows, scanRows } from "../../store/records.ts";
import { type ItemRecord, isBlocked } from "../../task/snapshot.ts";
import { SECOND } from "../../time.ts";
import type { CallContext } from "../call-context.ts";
import { findStoredTask } from "../find-task.ts";
import { countSteps, type PlanRun, type PlanRunState, readHiddenTasks, readPlanProgress } from "../plan-record.ts";
import { countTasks } from "../task-counts.ts";

/** A project with its progress. */
interface ProjectProgress {
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
interface UnfinishedPlan {
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

interface ProjectList {
  projects: ProjectProgress[];
  /** Plans that wait, are carried out, were rejected or have failed, newest first; absent: none. */
  plans?: UnfinishedPlan[];
  currency?: string;
}

/** How far a plan is, for people and agents. */
interface PlanRunSummary {
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

/** An agent with what planning needs to know. */
interface TeamMember {
  name: string;
  role: "concierge" | "worker";
  /** Persona and strengths, as the settings say. */
  about?: string;
  /** Number of open tasks, and of those that are blocked. */
  open: number;
  blocked: number;
  /** Keys of the tasks it has claimed. */
  holds: string[];
  /** Over finished tasks: medians of time and cost, mean confidence. */
  past: { finished: number; minutes?: number; cost?: number; confidence?: number };
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
  project: ProjectRecord,
  spending: readonly SpendingRecord[],
): Promise<ProjectProgress> {
  const open = { in_progress: 0, blocked: 0, in_review: 0 };
  for await (const { value } of scanRows<ItemRecord>(deps, observedSets.open(project.id))) {
    if (value.review) open.in_review += 1;
    else if (isBlocked(value)) open.blocked += 1;
    else if (value.snapshot.status === "in_progress") open.in_progress += 1;
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

/** Reads all stored plans with their progress, newest first. Makes no request to Plane. */
export async function readPlanRuns(deps: Pick<TaskDeps, "store">): Promise<PlanRunSummary[]> {
  const rows = await readAllRows<PlanRun>(deps, workSets.planRuns);
  const summaries = await Promise.all(rows.map(({ value }) => summarizeRun(deps, value)));
  return summaries.sort((a, b) => b.at - a.at);
}

async function summarizeRun(deps: Pick<TaskDeps, "store">, run: PlanRun): Promise<PlanRunSummary> {
  const { id, plan, agent, wish, state, reason, at } = run;
  const [project] =
    run.project === undefined ? [] : await deps.store.read<ProjectRecord>([observedKeys.project(run.project)]);
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

/** Lists all agents with their strengths, their open tasks and their past pace. Makes no request to Plane. */
export async function listAgents({ deps }: CallContext): Promise<TeamMember[]> {
  const [now, isHidden] = await Promise.all([deps.store.now(), readHiddenTasks(deps)]);
  return Promise.all(
    deps.settings.agents.map(async ({ name, role = "worker", about }) => {
      let [open, blocked] = [0, 0];
      for await (const { value } of scanRows<ItemRecord>(deps, observedSets.tasks(name))) {
        if (isHidden(value)) continue;
        open += 1;
        if (isBlocked(value)) blocked += 1;
      }
      const claims = await readAllRows<ClaimRecord>(deps, workSets.claimsOf(name));
      const activeClaims = claims.filter(({ value }) => value.until > now);
      const holds = await Promise.all(activeClaims.map(({ value }) => findStoredTask(deps, value.item)));
      const { ms, ...pace } = await readAgentPace(deps, name);
      return {
        name,
        role,
        ...omitUndefined({ about }),
        open,
        blocked,
        holds: holds.flatMap((task) => task?.key ?? []).sort(),
        past: { ...pace, ...omitUndefined({ minutes: ms !== undefined ? Math.round(ms / 6_000) / 10 : undefined }) },
      };
    }),
  );
}
