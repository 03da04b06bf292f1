import type { Deps } from "../../app/deps.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import type { Ms } from "../../time.ts";
import { computeMedian, readFinishedTasks } from "./finished-tasks.ts";
import { roundAmount } from "./spending.ts";
import type { TaskSize } from "./task-size.ts";

/** What a task of this size will take, or that too few like it (`from`) were finished to tell. */
export type TaskEstimate =
  | { ms?: Ms; cost?: number; from: number; too_little?: never }
  | { too_little: true; from: number; ms?: never; cost?: never };

/** Fewer say nothing: one that went wrong would be half of what is known. */
const MIN_SAMPLES = 3;

/** The median of what the agent's own finished tasks of this size took; of time and cost each where 3 tell it. */
export async function estimateTask(deps: Pick<Deps, "store">, agent: string, size: TaskSize): Promise<TaskEstimate> {
  const similar = (await readFinishedTasks(deps, agent)).filter((one) => one.size === size);
  const times = similar.flatMap((one) => one.ms ?? []);
  const costs = similar.flatMap((one) => one.cost ?? []);
  const ms = times.length < MIN_SAMPLES ? undefined : computeMedian(times);
  const cost = costs.length < MIN_SAMPLES ? undefined : computeMedian(costs);
  if (ms === undefined && cost === undefined) return { too_little: true, from: Math.max(times.length, costs.length) };
  const sampleSize = Math.max(ms === undefined ? 0 : times.length, cost === undefined ? 0 : costs.length);
  return { ...omitUndefined({ ms, cost: cost !== undefined ? roundAmount(cost) : undefined }), from: sampleSize };
}
