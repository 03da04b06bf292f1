import type { Deps } from "../../app/deps.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { DAY, type Ms } from "../../time.ts";
import { workSets } from "../context/work-keys.ts";
import type { TaskSize } from "./task-size.ts";

/** The record of a finished task on which estimates are based. */
export interface FinishedTask {
  /** `ONB-12` */
  task: string;
  agent: string;
  /** `ONB` */
  project: string;
  size: TaskSize;
  /** Store time. */
  at: Ms;
  /** Time by the agent's timers; absent when none ran. */
  ms?: Ms;
  /** As reported. */
  cost?: number;
  /** As reported, 0 to 1. */
  confidence?: number;
}

/** Limit of finished tasks read per agent; more would not change its pace noticeably. */
const MAX_TASKS = 1000;

/** Reads the tasks an agent has finished in the last 400 days, in no particular order. */
export async function readFinishedTasks({ store }: Pick<Deps, "store">, agent: string): Promise<FinishedTask[]> {
  return (await store.scan<FinishedTask>(workSets.finishedBy(agent), undefined, MAX_TASKS)).rows.map(
    (row) => row.value,
  );
}

/** Reads an agent's pace: medians of time and cost of its finished tasks, and its mean confidence. */
export async function readAgentPace(
  deps: Pick<Deps, "store">,
  agent: string,
): Promise<{ finished: number; ms?: Ms; cost?: number; confidence?: number }> {
  const finishedTasks = await readFinishedTasks(deps, agent);
  const ms = computeMedian(finishedTasks.flatMap((task) => task.ms ?? []));
  const cost = computeMedian(finishedTasks.flatMap((task) => task.cost ?? []));
  const confidence = computeMeanConfidence(finishedTasks);
  return { finished: finishedTasks.length, ...omitUndefined({ ms, cost, confidence }) };
}

/**
 * Reads the tasks an agent finished on these calendar days (`2026-11-22`): those stored by day, and those of versions
 * up to 0.2, which are found among the tasks of all days.
 */
export async function readRecentlyFinishedTasks(
  deps: Pick<Deps, "store">,
  agent: string,
  dates: readonly string[],
): Promise<FinishedTask[]> {
  const { store } = deps;
  const sets = [workSets.finishedBy(agent), ...dates.map((day) => workSets.finishedOn(agent, day))];
  const pages = await Promise.all(sets.map((set) => store.scan<FinishedTask>(set, undefined, MAX_TASKS)));
  const byKey = new Map(pages.flatMap(({ rows }) => rows.map(({ key, value }) => [key, value] as const)));
  return [...byKey.values()];
}

/** The mean confidence of an agent's tasks in periods that overlap: a period without a confidence is absent. */
export interface ConfidenceOverTime {
  /** The last 7 days, the last 30 days, and the time before the last 30 days. */
  week?: number;
  month?: number;
  before?: number;
}

/** Computes how the confidence of finished tasks has changed, as of this store time. */
export function computeConfidenceOverTime(tasks: readonly FinishedTask[], now: Ms): ConfidenceOverTime {
  const since = (days: number) => tasks.filter(({ at }) => at > now - days * DAY);
  return omitUndefined({
    week: computeMeanConfidence(since(7)),
    month: computeMeanConfidence(since(30)),
    before: computeMeanConfidence(tasks.filter(({ at }) => at <= now - 30 * DAY)),
  });
}

/** The mean of the reported confidences, rounded to a hundredth; undefined when there are none. */
export function computeMeanConfidence(tasks: readonly FinishedTask[]): number | undefined {
  const confidences = tasks.flatMap(({ confidence }) => confidence ?? []);
  if (confidences.length === 0) return undefined;
  return Math.round((confidences.reduce((sum, value) => sum + value, 0) / confidences.length) * 100) / 100;
}

/** The median of the values; undefined when there are none. */
export function computeMedian(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]];
  return low === undefined || high === undefined ? undefined : (low + high) / 2;
}
