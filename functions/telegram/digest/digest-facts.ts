/**
 * What the digest and /status count: completed and open tasks, the forecast of each agent, and what waits for a
 * person.
 */

import { readTaskFigures } from "../../../shared/accounting/time-entries.ts";
import type { Deps } from "../../../shared/app/deps.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { type DecisionRecord, decisionSet, itemDecisionSetKey } from "../../../shared/records/decision-log.ts";
import { listReadableProjects, type ProjectRecord, type Task } from "../../../shared/records/plane-records.ts";
import { observedSets } from "../../../shared/records/store-keys.ts";
import { findStatusAttempt } from "../../../shared/records/task-records.ts";
import { readOpenRequests } from "../../../shared/requests/requests.ts";
import type { StoreKey } from "../../../shared/store/port.ts";
import { scanPages, scanRows } from "../../../shared/store/records.ts";
import { readProjectTotals } from "../../../shared/sync/projects.ts";
import { findPart } from "../../../shared/task/request.ts";
import { DECISION_LOG_MS } from "../../../shared/task/rule-set.ts";
import { type ItemRecord, isBlocked } from "../../../shared/task/snapshot.ts";
import { readCard } from "../../../shared/tasks/card-record.ts";
import { findOpenTask, findStoredTask, readOpenBlockers, toTask } from "../../../shared/tasks/find-task.ts";
import { createForecaster, sumForecasts, type TaskForecast } from "../../../shared/tasks/forecast.ts";
import { countPlannedTasks } from "../../../shared/tasks/planning/decide-plan.ts";
import { DAY, type Ms, toZonedDate } from "../../../shared/time.ts";

export type DigestDeps = Pick<Deps, "store" | "settings">;

/** The tasks completed on a day, with their agents, times and costs as far as they are known. */
export interface DayCompletions {
  tasks: { task: Task; agent?: string; ms?: Ms; cost?: number }[];
  /** Projects completed on that day that are still complete; not those that were closed without result. */
  projects: ProjectRecord[];
}

/** Start of a state; `before` if it is older than the decision log. */
type SinceTime = { at: Ms } | { before: Ms };

/** A forecast of the time and cost of an agent's open tasks, from its own finished tasks and from planned estimates. */
export interface AgentForecast {
  agent: string;
  /** Number of open tasks, without those in review. */
  openCount: number;
  /** Time and cost of the tasks that can be estimated. */
  ms?: Ms;
  cost?: number;
  /** Number of finished tasks the forecast is based on. */
  finishedCount: number;
  /** Number of open tasks whose estimate of the plan is used. */
  plannedCount: number;
  /** Number of open tasks without any estimate. */
  unknownCount: number;
}

/** A request of an agent that waits for a human. */
interface PendingRequest {
  agent: string;
  /** Store time at which the agent asked. */
  at: number;
}

/**
 * Period of the decision log that is read: 3 days. Yesterday began at most two days and one hour (summer time) ago, and
 * some events are observed late.
 */
const DECISION_PERIOD: Ms = 3 * DAY;

/**
 * Reads from the decision log which tasks and projects were completed on a calendar day of the configured time zone.
 */
export async function readCompletions(deps: DigestDeps, date: string, now: Ms): Promise<DayCompletions> {
  const ids = new Set<string>();
  const projects = new Set<StoreKey>();
  const isOnDay = (at: Ms) => toZonedDate(deps.settings.timezone, at) === date;
  for await (const { event, item, record, at } of readDecisionsSince(deps, now - DECISION_PERIOD)) {
    if (event.kind === "completed" && item) ids.add(item.id);
    if (event.kind === "project_completed" && isOnDay(at)) projects.add(record);
  }
  const tasks: DayCompletions["tasks"] = [];
  for (const id of ids) {
    const task = await findStoredTask(deps, id);
    const completedAt = task?.item.snapshot.completedAt;
    if (task?.item.removedAt !== undefined || task?.item.snapshot.status !== "done" || !completedAt) continue;
    if (isOnDay(Date.parse(completedAt))) tasks.push(await measureTask(deps, task));
  }
  const stored = await deps.store.read<ProjectRecord>([...projects]);
  const completedProjects: ProjectRecord[] = [];
  for (const project of stored)
    if (project?.value.completed && (await readProjectTotals(deps, project.value.id)).done > 0)
      completedProjects.push(project.value);
  const completedAt = ({ task }: DayCompletions["tasks"][number]) => Date.parse(task.item.snapshot.completedAt ?? "");
  return { tasks: tasks.sort((a, b) => completedAt(a) - completedAt(b)), projects: completedProjects.reverse() };
}

async function* readDecisionsSince(deps: DigestDeps, from: Ms): AsyncGenerator<DecisionRecord> {
  for await (const { value } of scanRows<DecisionRecord>(deps, decisionSet)) {
    if (value.at < from) return;
    yield value;
  }
}

async function measureTask(deps: DigestDeps, task: Task): Promise<DayCompletions["tasks"][number]> {
  const [card, { timeSpentMs, cost }] = await Promise.all([readCard(deps, task.id), readTaskFigures(deps, task.id)]);
  return { task, ...omitUndefined({ agent: card?.agent ?? task.item.owners?.[0], ms: timeSpentMs, cost }) };
}

/**
 * Reads the open tasks of all projects that are blocked (since when, and by the keys of which open blockers), due on
 * this calendar day, or overdue.
 */
export async function readOpenToday(deps: DigestDeps, date: string, now: Ms) {
  const blockedTasks: Task[] = [];
  const dueTasks: Task[] = [];
  for (const project of await listReadableProjects(deps)) {
    for await (const { value, rev } of scanRows<ItemRecord>(deps, observedSets.open(project.id))) {
      const { due } = value.snapshot;
      if (isBlocked(value)) blockedTasks.push(toTask(deps, value, rev, project));
      if (due !== null && due <= date) dueTasks.push(toTask(deps, value, rev, project));
    }
  }
  const names = await readOpenBlockers(
    deps,
    blockedTasks.map(({ item }) => item),
  );
  const blocked: { task: Task; blockers: string[]; since: SinceTime }[] = [];
  for (const task of blockedTasks) {
    const blockers = task.item.blockers.map((id) => names.get(id)?.key ?? "?");
    blocked.push({ task, blockers, since: await findBlockedSince(deps, task, now) });
  }
  const isToday = ({ item }: Task) => item.snapshot.due === date;
  const compareByDue = (a: Task, b: Task) => ((a.item.snapshot.due ?? "") < (b.item.snapshot.due ?? "") ? -1 : 1);
  return {
    blocked: blocked.sort((a, b) => toSinceMs(a.since) - toSinceMs(b.since)),
    due: dueTasks.filter(isToday),
    overdue: dueTasks.filter((task) => !isToday(task)).sort(compareByDue),
  };
}

async function findBlockedSince(deps: DigestDeps, { id, project }: Task, now: Ms): Promise<SinceTime> {
  const { rows } = await deps.store.scan<DecisionRecord>(itemDecisionSetKey(id));
  const last = rows.find(({ value }) => value.event.kind === "blocked" || value.event.kind === "unblocked");
  if (last?.value.event.kind === "blocked") return { at: last.value.at };
  const attempt = await findStatusAttempt(deps, id);
  if (attempt?.input.status === "blocked") return { at: attempt.at };
  return { before: Math.max(now - DECISION_LOG_MS, Date.parse(project.began)) };
}

const toSinceMs = (since: SinceTime): Ms => ("at" in since ? since.at : since.before);

/** Creates a forecast for each agent that has open tasks. */
export async function forecastAgents(deps: DigestDeps): Promise<AgentForecast[]> {
  const forecastItems = createForecaster(deps);
  const forecasts: AgentForecast[] = [];
  for (const { name } of deps.settings.agents) {
    const tasks: TaskForecast[] = [];
    for await (const rows of scanPages<ItemRecord>(deps, observedSets.tasks(name)))
      tasks.push(
        ...(await forecastItems(
          rows.map(({ value }) => value).filter(({ review }) => !review),
          name,
        )),
      );
    if (tasks.length === 0) continue;
    const { ms, cost, planned, unknown } = sumForecasts(tasks);
    const finishedBySize = new Map(tasks.map(({ size, finished }) => [size, finished]));
    forecasts.push({
      agent: name,
      openCount: tasks.length,
      ...omitUndefined({ ms, cost }),
      finishedCount: [...finishedBySize.values()].reduce((sum, finished) => sum + finished, 0),
      plannedCount: planned,
      unknownCount: unknown,
    });
  }
  return forecasts;
}

/** Reads the reviews that nobody has decided yet, oldest first. */
export async function readPendingReviews(deps: DigestDeps) {
  const requests: (PendingRequest & { task: Task; confidence: number | undefined })[] = [];
  for (const request of await readOpenRequests(deps, "review")) {
    const { subject, from: agent, createdAt: at } = request;
    const task = await findOpenTask(deps, subject.item ?? "");
    if (task) requests.push({ task, agent, at, confidence: Number(findPart(request, "Confidence")) || undefined });
  }
  return requests.sort(compareByAge);
}

/** Reads the plans that wait for approval, oldest first: the project's name as planned, and the number of its tasks. */
export async function readPendingPlans(deps: DigestDeps) {
  const plans = await readOpenRequests(deps, "plan");
  return plans
    .map((request) => ({
      ...{ agent: request.from, at: request.createdAt, title: request.subject.title },
      tasks: countPlannedTasks(request),
    }))
    .sort(compareByAge);
}

/** Reads the unanswered questions about open tasks and about no task, oldest first. */
export async function readPendingQuestions(deps: DigestDeps) {
  const requests: (PendingRequest & { task: Task | undefined; text: string })[] = [];
  for (const { subject, from: agent, text, createdAt: at } of await readOpenRequests(deps, "question")) {
    const task = subject.item === undefined ? undefined : await findOpenTask(deps, subject.item);
    if (subject.item === undefined || task) requests.push({ agent, text, at, task });
  }
  return requests.sort(compareByAge);
}

const compareByAge = (a: PendingRequest, b: PendingRequest) => a.at - b.at;
