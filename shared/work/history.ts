import type { Deps } from "../deps.ts";
import type { Ms } from "../store/port.ts";
import { readCard } from "./card.ts";
import type { Task } from "./find.ts";
import { workKeys, workSets } from "./keys.ts";
import { type Size, sizeOf } from "./size.ts";
import { timesOf } from "./time.ts";

/** A task an agent has finished, as estimates learn from it. */
export interface Finished {
  /** `ONB-12` */
  task: string;
  agent: string;
  /** `ONB` */
  project: string;
  size: Size;
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
const FINISHED_KEPT_MS: Ms = 400 * 86_400_000;

/** So many tasks tell an agent's pace; a store that keeps more is read no further. */
const PAST = 1000;

/** Keeps what a finished task took its agent: again, with what is known then, when it is finished again. */
export async function noteFinished(deps: Pick<Deps, "store">, task: Task, agent: string): Promise<void> {
  const [card, { totals }, at] = await Promise.all([readCard(deps, task.id), timesOf(deps, task.id), deps.store.now()]);
  const ms = totals[agent];
  const cost = card?.costs?.[agent];
  const value: Finished = {
    ...{ task: task.key, agent, project: task.project.identifier, size: sizeOf(task.item.snapshot), at },
    ...(ms && { ms }),
    ...(cost !== undefined && { cost }),
    ...(card?.confidence !== undefined && { confidence: card.confidence }),
  };
  const put = { key: workKeys.finished(task.id), value, sets: [workSets.finishedBy(agent)], expires: FINISHED_KEPT_MS };
  await deps.store.commit({ put: [put] });
}

/** The tasks an agent has finished in the last 400 days, in no order. */
export async function finishedBy({ store }: Pick<Deps, "store">, agent: string): Promise<Finished[]> {
  return (await store.scan<Finished>(workSets.finishedBy(agent), undefined, PAST)).rows.map((row) => row.value);
}

/** An agent's pace: medians of the time and the cost of its finished tasks, and its mean confidence. */
export async function pastOf(
  deps: Pick<Deps, "store">,
  agent: string,
): Promise<{ finished: number; ms?: Ms; cost?: number; confidence?: number }> {
  const past = await finishedBy(deps, agent);
  const ms = median(past.flatMap((one) => one.ms ?? []));
  const cost = median(past.flatMap((one) => one.cost ?? []));
  const given = past.flatMap((one) => one.confidence ?? []);
  const confidence = given.reduce((sum, one) => sum + one, 0) / given.length;
  return {
    finished: past.length,
    ...(ms !== undefined && { ms }),
    ...(cost !== undefined && { cost }),
    ...(given.length > 0 && { confidence: Math.round(confidence * 100) / 100 }),
  };
}

/** The middle one, or half-way between the two in the middle; undefined of nothing. */
export function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]];
  return low === undefined || high === undefined ? undefined : (low + high) / 2;
}
