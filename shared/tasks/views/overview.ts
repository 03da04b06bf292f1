/** What planning needs to know: projects with their progress, the plans that are not complete, and the team. */

import { readAgentPace } from "../../accounting/history.ts";
import { readAllSpending, roundAmount, type SpendingRecord } from "../../accounting/spending.ts";
import type { TaskDeps } from "../../app/deps.ts";
import { keepDefined, omitUndefined } from "../../omit-undefined.ts";
import { listReadableProjects, type ProjectRecord } from "../../records/plane-records.ts";
import { observedKeys, observedSets, workSets } from "../../records/store-keys.ts";
import type { ClaimRecord } from "../../records/task-records.ts";
import { readAllRows, scanRows } from "../../store/records.ts";
import { type ItemRecord, isBlocked } from "../../task/snapshot.ts";
import { SECOND } from "../../time.ts";
import type { CallContext } from "../call-context.ts";
import { findStoredTask } from "../find-task.ts";
import { countSteps, type PlanRun, readHiddenTasks, readPlanProgress } from "../plan-record.ts";
import { countTasks } from "../task-counts.ts";

/** Lists the projects with their progress, time and cost, by identifier. Makes no request to Plane. */
export async function listProjects({ deps }: CallContext) {
  const [projects, spending, runs] = await Promise.all([
    listReadableProjects(deps),
    readAllSpending(deps.store),
    readPlanRuns(deps),
  ]);
  const rows = await Promise.all(projects.map((project) => describeProject(deps, project, spending)));
  const plans = runs.flatMap(({ title, project, state, done, total, reason }) =>
    state === "done" ? [] : [{ title, project, state, done, total, reason }],
  );
  return omitUndefined({
    projects: rows.sort((a, b) => (a.project < b.project ? -1 : 1)),
    plans: plans.length > 0 ? plans : undefined,
    currency: deps.settings.budget?.currency,
  });
}

/** `spent_s` and `cost` are what agents have reported, in the budget's currency. */
async function describeProject(deps: TaskDeps, project: ProjectRecord, spending: readonly SpendingRecord[]) {
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

/**
 * Reads all stored plans with their progress, newest first: the steps that are done and all steps, which are the
 * project and those of each task. Makes no request to Plane.
 */
export async function readPlanRuns(deps: Pick<TaskDeps, "store">) {
  const rows = await readAllRows<PlanRun>(deps, workSets.planRuns);
  const summaries = await Promise.all(rows.map(({ value }) => summarizeRun(deps, value)));
  return summaries.sort((a, b) => b.at - a.at);
}

async function summarizeRun(deps: Pick<TaskDeps, "store">, run: PlanRun) {
  const { id, plan, agent, wish, state, reason, at, items = [] } = run;
  const [project] = await deps.store.read<ProjectRecord>(keepDefined([run.project]).map(observedKeys.project));
  const progress = run.project === undefined ? {} : await readPlanProgress(deps, run.project);
  const steps = await countSteps(plan.tasks, progress);
  const total = steps.total + 1;
  const done = state === "done" ? total : steps.done + (run.project === undefined ? 0 : 1);
  const title = plan.project;
  return { id, title, project: project?.value.identifier, agent, wish, state, done, total, reason, at, items };
}

/** Lists all agents with their strengths, their open tasks and their past pace. Makes no request to Plane. */
export async function listAgents({ deps }: CallContext) {
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
        about,
        open,
        blocked,
        holds: holds.flatMap((task) => task?.key ?? []).sort(),
        past: { ...pace, minutes: ms === undefined ? undefined : Math.round(ms / 6_000) / 10 },
      };
    }),
  );
}
