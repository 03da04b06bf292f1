import type { Deps } from "../../app/deps.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import type { Ms } from "../../time.ts";
import { computeMedian, type FinishedTask, readFinishedTasks } from "./finished-tasks.ts";
import { roundAmount } from "./spending.ts";
import type { TaskSize } from "./task-size.ts";

/** The estimated time and cost of a task, or `too_little` history; `from` is the number of finished tasks used. */
export type TaskEstimate =
  | { ms?: Ms; cost?: number; from: number; too_little?: never }
  | { too_little: true; from: number; ms?: never; cost?: never };

/** Minimum number of samples for an estimate: with two, one exceptional task would be half of the data. */
const MIN_SAMPLES = 3;

/** Estimates a task by the medians of the agent's finished tasks of this size; time and cost need 3 samples each. */
export async function estimateTask(deps: Pick<Deps, "store">, agent: string, size: TaskSize): Promise<TaskEstimate> {
  return estimateFromHistory(await readFinishedTasks(deps, agent), size);
}

/** Estimates a task of this size from an agent's finished tasks. */
export function estimateFromHistory(history: readonly FinishedTask[], size: TaskSize): TaskEstimate {
  const similar = history.filter((task) => task.size === size);
  const times = similar.flatMap((task) => task.ms ?? []);
  const costs = similar.flatMap((task) => task.cost ?? []);
  const ms = times.length < MIN_SAMPLES ? undefined : computeMedian(times);
  const cost = costs.length < MIN_SAMPLES ? undefined : computeMedian(costs);
  if (ms === undefined && cost === undefined) return { too_little: true, from: Math.max(times.length, costs.length) };
  const sampleSize = Math.max(ms === undefined ? 0 : times.length, cost === undefined ? 0 : costs.length);
  return { ...omitUndefined({ ms, cost: cost !== undefined ? roundAmount(cost) : undefined }), from: sampleSize };
}
