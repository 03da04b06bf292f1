import type { Deps } from "../../app/deps.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import type { KeptItem } from "../../task/snapshot.ts";
import type { Ms } from "../../time.ts";
import type { KeptCard } from "../card/card-record.ts";
import { workKeys } from "../context/work-keys.ts";
import { estimateFromHistory } from "../time/estimates.ts";
import { type FinishedTask, readFinishedTasks } from "../time/finished-tasks.ts";
import { roundAmount } from "../time/spending.ts";
import { getTaskSize, type TaskSize } from "../time/task-size.ts";
import { toTaskTimes } from "../time/task-times.ts";
import type { KeptTimes, TimerClaim } from "../time/time-entries.ts";

/** What an open task is expected to take from now on. A measure that nothing tells is absent. */
export interface TaskForecast {
  ms?: Ms;
  /** In the budget's currency. */
  cost?: number;
  size: TaskSize;
  /** The number of finished tasks of this size that its agent has. */
  finished: number;
  /** A measure comes from the estimate of the plan, because the agent has too little history. */
  isPlanned: boolean;
}

/** The sum of forecasts. */
export interface ForecastSum {
  tasks: number;
  ms?: Ms;
  cost?: number;
  /** Numbers of tasks with an estimate of the plan, without any estimate, and without one of the cost. */
  planned: number;
  unknown: number;
  withoutCost: number;
}

/**
 * Creates a function that forecasts open tasks from the history of their agents, and from the estimates of the plan
 * where there is too little. What is spent on a task already is subtracted. Each agent's history is read once.
 */
export function createForecaster(deps: Pick<Deps, "store">) {
  const histories = new Map<string, Promise<FinishedTask[]>>();
  const readHistory = (agent: string) => {
    const history = histories.get(agent) ?? readFinishedTasks(deps, agent);
    histories.set(agent, history);
    return history;
  };
  return async (items: readonly KeptItem[], agent?: string): Promise<TaskForecast[]> => {
    const ids = items.map(({ snapshot }) => snapshot.id);
    const [cards, times, claims, now] = await Promise.all([
      deps.store.read<KeptCard>(ids.map(workKeys.card)),
      deps.store.read<KeptTimes>(ids.map(workKeys.time)),
      deps.store.read<TimerClaim>(ids.map(workKeys.claim)),
      deps.store.now(),
    ]);
    return Promise.all(
      items.map(async ({ owners, snapshot }, i) => {
        const by = agent ?? claims[i]?.value.agent ?? owners?.[0];
        const size = getTaskSize(snapshot);
        const history = estimateFromHistory(by === undefined ? [] : await readHistory(by), size);
        const card = cards[i]?.value;
        const { spent } = toTaskTimes(times[i]?.value, claims[i]?.value, now);
        const ms = history.ms ?? card?.estimate?.ms;
        const cost = history.cost ?? card?.estimate?.cost;
        return {
          ...omitUndefined({
            ms: ms === undefined ? undefined : Math.max(0, ms - spent),
            cost: cost === undefined ? undefined : Math.max(0, roundAmount(cost - (card?.cost ?? 0))),
          }),
          size,
          finished: history.from,
          isPlanned: ms !== history.ms || cost !== history.cost,
        };
      }),
    );
  };
}

/** Forecasts the open ones of these tasks; a task in review is done as far as its agent is concerned. */
export async function forecastTasks(deps: Pick<Deps, "store">, items: readonly KeptItem[]): Promise<ForecastSum> {
  return sumForecasts(await createForecaster(deps)(items.filter(({ review }) => !review)));
}

export function sumForecasts(forecasts: readonly TaskForecast[]): ForecastSum {
  const sum = (values: number[]) =>
    values.length === 0 ? undefined : roundAmount(values.reduce((total, value) => total + value, 0));
  const count = (matches: (forecast: TaskForecast) => boolean) => forecasts.filter(matches).length;
  return {
    tasks: forecasts.length,
    ...omitUndefined({
      ms: sum(forecasts.flatMap(({ ms }) => ms ?? [])),
      cost: sum(forecasts.flatMap(({ cost }) => cost ?? [])),
    }),
    planned: count(({ isPlanned }) => isPlanned),
    unknown: count(({ ms, cost }) => ms === undefined && cost === undefined),
    withoutCost: count(({ cost }) => cost === undefined),
  };
}
