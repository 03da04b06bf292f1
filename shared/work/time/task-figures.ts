import type { Deps } from "../../app/deps.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import type { Ms } from "../../time.ts";
import { workKeys } from "../context/work-keys.ts";
import { readTaskTimes, toTaskTimes } from "./task-times.ts";
import type { KeptTimes } from "./time-entries.ts";

/** The time spent on a task and its cost, of all agents; absent when there is none. */
export interface TaskFigures {
  timeSpentMs?: Ms;
  /** In the budget's currency. */
  cost?: number;
}

/** What is read of an agent card: the total of all agents. */
interface CardCost {
  cost?: number;
}

/** Reads the figures of a task. `times` are its times after a change that is about to be committed, with no timer running. */
export async function readTaskFigures(
  deps: Pick<Deps, "store">,
  item: string,
  times?: KeptTimes,
): Promise<TaskFigures> {
  const [[card], { spent }] = await Promise.all([
    deps.store.read<CardCost>([workKeys.card(item)]),
    times ? toTaskTimes(times, undefined, 0) : readTaskTimes(deps, item),
  ]);
  return omitUndefined({ timeSpentMs: spent > 0 ? spent : undefined, cost: card?.value.cost });
}
