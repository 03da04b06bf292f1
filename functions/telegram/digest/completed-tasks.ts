import type { Deps } from "../../../shared/app/deps.ts";
import { type DecisionRecord, decisionSet } from "../../../shared/decision-log/decision-log.ts";
import { readProjectTotals } from "../../../shared/observe/project-totals.ts";
import type { KeptProject } from "../../../shared/observe/stored-records.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import type { StoreKey } from "../../../shared/store/port.ts";
import { scanRows } from "../../../shared/store/scan-set.ts";
import { DAY, type Ms } from "../../../shared/time.ts";
import { readCard } from "../../../shared/work/card/card-record.ts";
import { findKeptTask, type Task } from "../../../shared/work/tasks/find-task.ts";
import { readTaskFigures } from "../../../shared/work/time/task-figures.ts";
import { toZonedDate } from "../../../shared/zoned-date.ts";

export type DigestDeps = Pick<Deps, "store" | "settings">;

/** A completed task with its agent, time and cost, as far as they are known. */
export interface CompletedTask {
  task: Task;
  agent?: string;
  ms?: Ms;
  cost?: number;
}

export interface DayCompletions {
  tasks: CompletedTask[];
  /** Projects completed on that day that are still complete; not those that were closed without result. */
  projects: KeptProject[];
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
  const tasks: CompletedTask[] = [];
  for (const id of ids) {
    const task = await findKeptTask(deps, id);
    const completedAt = task?.item.snapshot.completedAt;
    if (task?.item.gone !== undefined || task?.item.snapshot.word !== "done" || !completedAt) continue;
    if (isOnDay(Date.parse(completedAt))) tasks.push(await measureTask(deps, task));
  }
  const stored = await deps.store.read<KeptProject>([...projects]);
  const completedProjects: KeptProject[] = [];
  for (const project of stored)
    if (project?.value.completed && (await readProjectTotals(deps, project.value.id)).done > 0)
      completedProjects.push(project.value);
  return { tasks: tasks.sort(compareCompletion), projects: completedProjects.reverse() };
}

async function* readDecisionsSince(deps: DigestDeps, from: Ms): AsyncGenerator<DecisionRecord> {
  for await (const { value } of scanRows<DecisionRecord>(deps, decisionSet)) {
    if (value.at < from) return;
    yield value;
  }
}

async function measureTask(deps: DigestDeps, task: Task): Promise<CompletedTask> {
  const [card, { timeSpentMs, cost }] = await Promise.all([readCard(deps, task.id), readTaskFigures(deps, task.id)]);
  return { task, ...omitUndefined({ agent: card?.agent ?? task.item.owners?.[0], ms: timeSpentMs, cost }) };
}

function compareCompletion({ task: a }: CompletedTask, { task: b }: CompletedTask): number {
  return Date.parse(a.item.snapshot.completedAt ?? "") - Date.parse(b.item.snapshot.completedAt ?? "");
}
