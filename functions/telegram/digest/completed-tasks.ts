import type { Deps } from "../../../shared/app/deps.ts";
import { type DecisionRecord, decisionSet } from "../../../shared/decision-log/decision-log.ts";
import type { KeptProject } from "../../../shared/observe/stored-records.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import type { StoreKey } from "../../../shared/store/port.ts";
import { scanRows } from "../../../shared/store/scan-set.ts";
import { DAY, type Ms } from "../../../shared/time.ts";
import { readCard } from "../../../shared/work/card/card-record.ts";
import { findKeptTask, type Task } from "../../../shared/work/tasks/find-task.ts";
import { readTaskTimes } from "../../../shared/work/time/time-entries.ts";
import { toZonedDate } from "./dates.ts";

export type DigestDeps = Pick<Deps, "store" | "settings">;

/** A task that was done, what it took and who did it, as far as anybody said. */
export interface CompletedTask {
  task: Task;
  agent?: string;
  ms?: Ms;
  cost?: number;
}

export interface DayCompletions {
  tasks: CompletedTask[];
  /** That are still completed. */
  projects: KeptProject[];
}

/** The longest that yesterday's beginning can be ago (two days and a summer time's hour), and what was seen late. */
const LOOK_BACK: Ms = 3 * DAY;

/** Tasks and projects completed on a calendar day of the settings' time zone, in order; from the trail. */
export async function readCompletions(deps: DigestDeps, date: string, now: Ms): Promise<DayCompletions> {
  const ids = new Set<string>();
  const projects = new Set<StoreKey>();
  const isOnDay = (at: Ms) => toZonedDate(deps.settings.timezone, at) === date;
  for await (const { event, item, record, at } of readTrailSince(deps, now - LOOK_BACK)) {
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
  const kept = await deps.store.read<KeptProject>([...projects]);
  const completedProjects = kept.flatMap((one) => (one?.value.completed ? [one.value] : []));
  return { tasks: tasks.sort(compareCompletion), projects: completedProjects.reverse() };
}

async function* readTrailSince(deps: DigestDeps, from: Ms): AsyncGenerator<DecisionRecord> {
  for await (const { value } of scanRows<DecisionRecord>(deps, decisionSet)) {
    if (value.at < from) return;
    yield value;
  }
}

/** By its timers; where none ran, from the start of the work to its end as Plane saw them. */
async function measureTask(deps: DigestDeps, task: Task): Promise<CompletedTask> {
  const [card, { totals }] = await Promise.all([readCard(deps, task.id), readTaskTimes(deps, task.id)]);
  const { startedAt, owners, snapshot } = task.item;
  const timerMs = Object.values(totals).reduce((sum, one) => sum + one, 0);
  const elapsedMs = startedAt && snapshot.completedAt ? Date.parse(snapshot.completedAt) - Date.parse(startedAt) : 0;
  const ms = timerMs > 0 ? timerMs : elapsedMs;
  const agent = card?.agent ?? owners?.[0];
  return {
    task,
    ...omitUndefined({ agent, ms: ms > 0 ? ms : undefined, cost: card?.cost !== undefined ? card.cost : undefined }),
  };
}

function compareCompletion({ task: a }: CompletedTask, { task: b }: CompletedTask): number {
  return Date.parse(a.item.snapshot.completedAt ?? "") - Date.parse(b.item.snapshot.completedAt ?? "");
}
