import type { Deps } from "../../app/deps.ts";
import { listReadableProjects } from "../../observe/project-record.ts";
import { observedSets } from "../../observe/store-keys.ts";
import type { Store } from "../../store/port.ts";
import { scanPages } from "../../store/scan-set.ts";
import type { KeptItem } from "../../task/snapshot.ts";
import { DAY, type Ms } from "../../time.ts";
import { workKeys } from "../context/work-keys.ts";
import { readMonthlySpending, roundAmount, type SpendingSource } from "../time/spending.ts";
import { createForecaster, sumForecasts, type TaskForecast } from "./forecast-tasks.ts";

type BudgetDeps = Pick<Deps, "store" | "settings">;

/** The budget of a calendar month: what is spent and what open tasks are expected to cost, against the amount. */
export interface Budget {
  /** `2026-11` */
  month: string;
  /** Spent this month, in all and by source. */
  spent: number;
  sources: Partial<Record<SpendingSource, number>>;
  /** Estimated cost of the agents' open tasks, without what was reported for them already. */
  open: number;
  /** Number of open tasks of agents whose cost nothing tells. */
  unknown: number;
  amount: number;
  currency: string;
  /** `(spent + open) / amount` */
  share: number;
}

/** Retention of the last reading: 1 day, so that a budget that was removed from the settings is forgotten. */
const KEPT_MS: Ms = DAY;

/**
 * Reads the month's budget; undefined when none is set. The open tasks of all projects are read from the store, so the
 * page and the metrics, which ask often, use what the tick has stored: `readStoredBudget`.
 */
export async function readBudget(deps: BudgetDeps): Promise<Budget | undefined> {
  const { month, cost: spent, sources, budget } = await readMonthlySpending(deps);
  if (!budget) return undefined;
  const { cost: open = 0, withoutCost: unknown } = sumForecasts(await forecastAgentTasks(deps));
  const { amount, currency } = budget;
  return { month, spent, sources, open, unknown, amount, currency, share: roundAmount((spent + open) / amount) };
}

/** Reads the budget as of the last run of its tick, at most a minute or two ago; undefined when there is none. */
export async function readStoredBudget({ store }: { store: Pick<Store, "read"> }): Promise<Budget | undefined> {
  return (await store.read<Budget>([workKeys.budget]))[0]?.value;
}

/** Reads the budget and stores it for those that ask often. */
export async function refreshBudget(deps: BudgetDeps): Promise<Budget | undefined> {
  const budget = await readBudget(deps);
  const [stored] = await deps.store.read<Budget>([workKeys.budget]);
  if (!budget && !stored) return undefined;
  await deps.store.commit({ put: [{ key: workKeys.budget, value: budget, expires: KEPT_MS }] });
  return budget;
}

/** Forecasts all open tasks that have an agent or an estimate. People's tasks cost nothing here. */
async function forecastAgentTasks(deps: BudgetDeps): Promise<TaskForecast[]> {
  const forecast = createForecaster(deps);
  const forecasts: TaskForecast[] = [];
  for (const project of await listReadableProjects(deps)) {
    for await (const rows of scanPages<KeptItem>(deps, observedSets.open(project.id))) {
      const items = rows.map(({ value }) => value).filter(({ review, snapshot }) => !review && !snapshot.quiet);
      const results = await forecast(items);
      forecasts.push(...results.filter(({ isPlanned }, i) => isPlanned || (items[i]?.owners?.length ?? 0) > 0));
    }
  }
  return forecasts;
}
