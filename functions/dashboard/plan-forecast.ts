import type { Deps } from "../../shared/app/deps.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { isOpenItem } from "../../shared/task/diff.ts";
import type { KeptItem } from "../../shared/task/snapshot.ts";
import type { Ms } from "../../shared/time.ts";
import { createForecaster } from "../../shared/work/forecast/forecast-tasks.ts";
import { isInReview } from "../../shared/work/tasks/is-in-review.ts";
import { roundAmount } from "../../shared/work/time/spending.ts";
import { collectNeighbours } from "./plan-graph/assign-layers.ts";
import { breakCycles, compareIds, type Dependency } from "./plan-graph/break-cycles.ts";
import { findCriticalPath } from "./plan-graph/find-critical-path.ts";
import type { PlanForecast } from "./view-answers.ts";

/** The work that an open task still needs; without `ms` or `cost`, that amount is unknown. */
export interface RemainingWork {
  ms?: Ms;
  cost?: number;
}

/** Forecasts what each open task still needs, by id. A task in review needs no more work. */
export async function forecastRemainingWork(
  deps: Pick<Deps, "store">,
  items: Iterable<KeptItem>,
): Promise<Map<string, RemainingWork>> {
  const open = [...items].filter(isOpenItem);
  const active = open.filter((item) => !isInReview(item));
  const forecasts = await createForecaster(deps)(active);
  const remaining = new Map<string, RemainingWork>(open.map(({ snapshot }) => [snapshot.id, { ms: 0, cost: 0 }]));
  for (const [i, { snapshot }] of active.entries()) remaining.set(snapshot.id, forecasts[i] ?? {});
  return remaining;
}

/**
 * Finds the critical path among the open tasks and sums up what is left in the project. Tasks of other projects are on
 * the path when it depends on them, and in no sum. A task without an estimate counts as the mean of the others when
 * paths are compared, and as nothing in the sums.
 */
export function forecastPlan(
  project: string,
  items: ReadonlyMap<string, KeptItem>,
  dependencies: readonly Dependency[],
  remaining: ReadonlyMap<string, RemainingWork>,
): { forecast: PlanForecast; path: string[] } {
  const ids = [...remaining.keys()].sort(compareIds);
  const allTimes = ids.flatMap((id) => remaining.get(id)?.ms ?? []);
  const mean = allTimes.length > 0 ? sum(allTimes) / allTimes.length : 1;
  const { forwards } = breakCycles(dependencies.filter(({ from, to }) => remaining.has(from) && remaining.has(to)));
  const longest = findCriticalPath(ids, collectNeighbours(forwards), (id) => remaining.get(id)?.ms ?? mean);
  // A single task is no path, and says nothing about what to do first.
  const path = longest.length > 1 ? longest : [];
  const own = ids.filter((id) => items.get(id)?.snapshot.project === project);
  const times = own.flatMap((id) => remaining.get(id)?.ms ?? []);
  const costs = own.flatMap((id) => remaining.get(id)?.cost ?? []);
  const pathTimes = path.flatMap((id) => remaining.get(id)?.ms ?? []);
  const longestTimes = longest.flatMap((id) => remaining.get(id)?.ms ?? []);
  const agentTimes = [...Map.groupBy(own, (id) => items.get(id)?.owners?.[0])].map(([agent, tasks]) =>
    agent === undefined ? 0 : sum(tasks.map((id) => remaining.get(id)?.ms ?? 0)),
  );
  return {
    path,
    forecast: {
      open: own.length,
      unknown: own.length - times.length,
      path: { tasks: path.length, unknown: path.length - pathTimes.length, ms: sum(pathTimes) },
      ...omitUndefined({
        ms: times.length > 0 ? sum(times) : undefined,
        cost: costs.length > 0 ? roundAmount(sum(costs)) : undefined,
        earliest_ms: times.length > 0 ? Math.max(sum(longestTimes), ...agentTimes) : undefined,
      }),
    },
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
