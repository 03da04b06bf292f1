/**
 * What planning needs to know, in numbers: tasks by project, status and agent, plans that are not complete, the team,
 * and the progress of a cycle with the day on which it will be done at its pace.
 */

import { readAgentPace } from "../accounting/history.ts";
import { readAllSpending, roundAmount, type SpendingRecord } from "../accounting/spending.ts";
import type { Deps, StoreDeps, TaskDeps } from "../app/deps.ts";
import { keepDefined, omitUndefined } from "../omit-undefined.ts";
import type { ClaimRecord } from "../records/claim-record.ts";
import { type CycleRecord, listReadableProjects, type ProjectRecord } from "../records/plane-records.ts";
import { observedKeys, observedSets, workKeys, workSets } from "../records/store-keys.ts";
import type { Store } from "../store/port.ts";
import { readAllRows, scanPages, scanRows } from "../store/records.ts";
import type { CycleForecast, CycleItemsRecord, CycleProgress, ProjectCycle } from "../sync/cycles.ts";
import { type ItemRecord, isBlocked, isInReview, isOpen, type Status } from "../task/snapshot.ts";
import { DAY, isRecent, MINUTE, type Ms, SECOND } from "../time.ts";
import type { CallContext } from "./call-context.ts";
import { findStoredTask, toTask } from "./find-task.ts";
import { countSteps, type PlanRun, readHiddenTasks, readPlanProgress } from "./plan-record.ts";

/** Number of tasks of one kind in a project, by its identifier. */
interface TaskTotal {
  project: string;
  /** A status of an open task, `in_review` for one that waits for a review, or `closed`: done or cancelled. */
  status: string;
  count: number;
}

/** The numbers of tasks, as the metrics show them. */
interface TaskTotalsRecord {
  /** Store time. */
  at: Ms;
  /** All tasks. */
  projects: TaskTotal[];
  /** The agents' open tasks. A task of two agents counts for both. */
  agents: (TaskTotal & { agent: string })[];
}

type ProgressDeps = Pick<Deps, "store" | "settings">;

/** Interval between readings: 2 min, because they read all open tasks. */
const INTERVAL_MS: Ms = 2 * MINUTE;

/** Every status that an open task can have here; each is counted, so that a number falls to 0 and does not vanish. */
const OPEN_STATUSES = ["todo", "in_progress", "blocked", "in_review"] as const;

/** Minimum duration since a cycle began for a forecast: 1 day. */
const FORECAST_MIN_MS: Ms = DAY;

/** Limit of a forecast: 2 years. A slower pace is no forecast. */
const FORECAST_MAX_MS: Ms = 730 * DAY;

/** Counts a project's tasks and the closed (done or cancelled) ones among them. */
export async function countTasks({ store }: { store: Pick<Store, "count"> }, { id }: ProjectRecord) {
  const [total, open] = await Promise.all([store.count(observedSets.items(id)), store.count(observedSets.open(id))]);
  return { closed: total - open, total };
}

/** Counts the tasks by project and status and by agent and stores it for the metrics, unless that was done a moment ago. */
export async function refreshTaskTotals(deps: Pick<Deps, "store" | "settings">): Promise<void> {
  const [stored] = await deps.store.read<TaskTotalsRecord>([workKeys.taskTotals]);
  const now = await deps.store.now();
  if (stored && isRecent(stored.value.at, INTERVAL_MS, now)) return;
  const value: TaskTotalsRecord = { at: now, projects: [], agents: [] };
  const known = new Set(deps.settings.agents.map(({ name }) => name));
  for (const project of await listReadableProjects(deps)) {
    const { identifier } = project;
    const open = new Map<string, number>(OPEN_STATUSES.map((status) => [status, 0]));
    const agents = new Map<string, Map<string, number>>();
    for await (const rows of scanPages<ItemRecord>(deps, observedSets.open(project.id))) {
      for (const { value: item } of rows) {
        if (item.snapshot.quiet) continue;
        const status = isInReview(item) ? "in_review" : item.snapshot.status;
        addOne(open, status);
        for (const agent of item.owners ?? []) {
          if (!known.has(agent)) continue;
          const counts = agents.get(agent) ?? new Map(OPEN_STATUSES.map((name) => [name, 0]));
          agents.set(agent, addOne(counts, status));
        }
      }
    }
    const { closed } = await countTasks(deps, project);
    for (const [status, count] of open) value.projects.push({ project: identifier, status, count });
    value.projects.push({ project: identifier, status: "closed", count: closed });
    for (const [agent, counts] of agents)
      for (const [status, count] of counts) value.agents.push({ agent, project: identifier, status, count });
  }
  await deps.store.commit({ put: [{ key: workKeys.taskTotals, value, expires: DAY }] });
}

function addOne(counts: Map<string, number>, status: string): Map<string, number> {
  return counts.set(status, (counts.get(status) ?? 0) + 1);
}

/** Reads a cycle's progress from the stored items and their present status, without a request to Plane. */
export async function readCycleProgress(deps: ProgressDeps, { project, cycle }: ProjectCycle): Promise<CycleProgress> {
  const [progress] = await deps.store.read<CycleItemsRecord>([observedKeys.cycleItems(cycle.id)]);
  const now = await deps.store.now();
  if (!progress) {
    const { done, total, cancelled = 0 } = cycle;
    return { project, cycle, done, total, left: Math.max(0, total - done - cancelled), open: [] };
  }
  const stored = await deps.store.read<ItemRecord>(progress.value.items.map(observedKeys.item));
  // An item that is not stored yet counts as open.
  const listed = stored.filter((item) => item?.value.removedAt === undefined);
  const select = (status: Status) => listed.filter((item) => item?.value.snapshot.status === status);
  const done = select("done");
  const left = listed.length - done.length - select("cancelled").length;
  const open = keepDefined(listed)
    .filter(({ value }) => isOpen(value.snapshot.status))
    .map(({ value, rev }) => toTask(deps, value, rev, project));
  const progressNow = { project, cycle, done: done.length, total: listed.length, left, open };
  if (cycle.phase !== "current" || cycle.start === null) return progressNow;
  const begin = Date.parse(cycle.start);
  const doneInCycle = done.filter((item) => Date.parse(item?.value.snapshot.completedAt ?? "") >= begin);
  const forecast = forecastCycle({ begin, now, done: doneInCycle.length, left });
  return { ...progressNow, ...omitUndefined({ forecast }) };
}

/** Forecasts when a cycle's tasks are done: the rest at the pace since it began. Pure. */
export function forecastCycle(cycle: Record<"begin" | "now" | "done" | "left", number>): CycleForecast | undefined {
  const { begin, now, done, left } = cycle;
  const elapsed = now - begin;
  if (left === 0 || done === 0 || elapsed < FORECAST_MIN_MS) return undefined;
  const remaining = (elapsed / done) * left;
  if (remaining > FORECAST_MAX_MS) return undefined;
  return { at: now + remaining, perDay: (done * DAY) / elapsed };
}

/** Reads the numbers of tasks as of at most three minutes ago; undefined before the first reading. */
export async function readTaskTotals(store: Pick<Store, "read">): Promise<TaskTotalsRecord | undefined> {
  return (await store.read<TaskTotalsRecord>([workKeys.taskTotals]))[0]?.value;
}

/** Reads the progress of the current cycles of these projects, those that end first at the beginning. */
export async function readCurrentCycles(deps: ProgressDeps, projects: readonly ProjectRecord[]) {
  const current = (await listCycles(deps, projects)).filter(({ cycle }) => cycle.phase === "current");
  return Promise.all(current.map((one) => readCycleProgress(deps, one)));
}

/** Reads the cycles of these projects from the store, those that end first at the beginning. */
export async function listCycles(deps: StoreDeps, projects: readonly ProjectRecord[]): Promise<ProjectCycle[]> {
  const readCycles = async (project: ProjectRecord): Promise<ProjectCycle[]> =>
    (await readAllRows<CycleRecord>(deps, observedSets.cycles(project.id))).map(({ value: cycle }) => ({
      project,
      cycle,
    }));
  const lists = await Promise.all(projects.map(readCycles));
  return lists.flat().sort((a, b) => ((a.cycle.end ?? "9") < (b.cycle.end ?? "9") ? -1 : 1));
}

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
export async function readPlanRuns(deps: StoreDeps) {
  const rows = await readAllRows<PlanRun>(deps, workSets.planRuns);
  const summaries = await Promise.all(rows.map(({ value }) => summarizeRun(deps, value)));
  return summaries.sort((a, b) => b.at - a.at);
}

async function summarizeRun(deps: StoreDeps, run: PlanRun) {
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
