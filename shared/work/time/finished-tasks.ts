import type { Deps } from "../../deps.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { DAY, type Ms } from "../../time.ts";
import { readCard } from "../card/card-record.ts";
import { workKeys, workSets } from "../context/work-keys.ts";
import type { Task } from "../tasks/find-task.ts";
import { getTaskSize, type TaskSize } from "./task-size.ts";
import { readTaskTimes } from "./time-entries.ts";

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

/** Longer ago an agent was another one. */
const FINISHED_KEPT_MS: Ms = 400 * DAY;

/** So many tasks tell an agent's pace; a store that keeps more is read no further. */
const MAX_TASKS = 1000;

/** Keeps what a finished task took its agent: again, with what is known then, when it is finished again. */
export async function recordFinishedTask(deps: Pick<Deps, "store">, task: Task, agent: string): Promise<void> {
  const [card, { totals }, at] = await Promise.all([
    readCard(deps, task.id),
    readTaskTimes(deps, task.id),
    deps.store.now(),
  ]);
  const ms = totals[agent];
  const cost = card?.costs?.[agent];
  const value: FinishedTask = {
    task: task.key,
    agent,
    project: task.project.identifier,
    size: getTaskSize(task.item.snapshot),
    at,
    ...omitUndefined({
      ms: ms || undefined,
      cost,
      confidence: card?.confidence !== undefined ? card.confidence : undefined,
    }),
  };
  const put = { key: workKeys.finished(task.id), value, sets: [workSets.finishedBy(agent)], expires: FINISHED_KEPT_MS };
  await deps.store.commit({ put: [put] });
}

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
