import type { Deps } from "../../app/deps.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import type { Ms } from "../../time.ts";
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
  const confidences = finishedTasks.flatMap((task) => task.confidence ?? []);
  const confidence = confidences.reduce((sum, value) => sum + value, 0) / confidences.length;
  return {
    finished: finishedTasks.length,
    ...omitUndefined({ ms, cost, confidence: confidences.length > 0 ? Math.round(confidence * 100) / 100 : undefined }),
  };
}

/** The median of the values; undefined when there are none. */
export function computeMedian(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]];
  return low === undefined || high === undefined ? undefined : (low + high) / 2;
}
