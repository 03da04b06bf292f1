import type { Deps } from "../../app/deps.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import type { Ms } from "../../time.ts";
import { workSets } from "../context/work-keys.ts";
import type { TaskSize } from "./task-size.ts";

/** A task an agent has finished, as estimates learn from it. */
export interface FinishedTask {
  /** `ONB-12` */
  task: string;
  agent: string;
  /** `ONB` */
  project: string;
  size: TaskSize;
  /** Store time. */
  at: Ms;
  /** What the agent's timers say; absent when it took no time. */
  ms?: Ms;
  /** As reported. */
  cost?: number;
  /** As reported, 0 to 1. */
  confidence?: number;
}

/** So many tasks tell an agent's pace; a store that keeps more is read no further. */
const MAX_TASKS = 1000;

/** The tasks an agent has finished in the last 400 days, in no order. */
export async function readFinishedTasks({ store }: Pick<Deps, "store">, agent: string): Promise<FinishedTask[]> {
  return (await store.scan<FinishedTask>(workSets.finishedBy(agent), undefined, MAX_TASKS)).rows.map(
    (row) => row.value,
  );
}

/** An agent's pace: medians of the time and the cost of its finished tasks, and its mean confidence. */
export async function readAgentPace(
  deps: Pick<Deps, "store">,
  agent: string,
): Promise<{ finished: number; ms?: Ms; cost?: number; confidence?: number }> {
  const finishedTasks = await readFinishedTasks(deps, agent);
  const ms = computeMedian(finishedTasks.flatMap((one) => one.ms ?? []));
  const cost = computeMedian(finishedTasks.flatMap((one) => one.cost ?? []));
  const confidences = finishedTasks.flatMap((one) => one.confidence ?? []);
  const confidence = confidences.reduce((sum, one) => sum + one, 0) / confidences.length;
  return {
    finished: finishedTasks.length,
    ...omitUndefined({ ms, cost, confidence: confidences.length > 0 ? Math.round(confidence * 100) / 100 : undefined }),
  };
}

/** The middle one, or half-way between the two in the middle; undefined of nothing. */
export function computeMedian(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]];
  return low === undefined || high === undefined ? undefined : (low + high) / 2;
}
