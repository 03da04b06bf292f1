import type { Deps } from "../deps.ts";
import type { Ms } from "../store/port.ts";
import { finishedBy, median } from "./history.ts";
import type { Size } from "./size.ts";
import { exact } from "./spent.ts";

/** What a task of this size will take, or that too few like it (`from`) were finished to tell. */
export type Estimate =
  | { ms?: Ms; cost?: number; from: number; too_little?: never }
  | { too_little: true; from: number; ms?: never; cost?: never };

/** Fewer say nothing: one that went wrong would be half of what is known. */
const ENOUGH = 3;

/** The median of what the agent's own finished tasks of this size took; of time and cost each where 3 tell it. */
export async function estimateFor(deps: Pick<Deps, "store">, agent: string, size: Size): Promise<Estimate> {
  const like = (await finishedBy(deps, agent)).filter((one) => one.size === size);
  const times = like.flatMap((one) => one.ms ?? []);
  const costs = like.flatMap((one) => one.cost ?? []);
  const ms = times.length < ENOUGH ? undefined : median(times);
  const cost = costs.length < ENOUGH ? undefined : median(costs);
  if (ms === undefined && cost === undefined) return { too_little: true, from: Math.max(times.length, costs.length) };
  const from = Math.max(ms === undefined ? 0 : times.length, cost === undefined ? 0 : costs.length);
  return { ...(ms !== undefined && { ms }), ...(cost !== undefined && { cost: exact(cost) }), from };
}
