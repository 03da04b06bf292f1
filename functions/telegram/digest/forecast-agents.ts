import { observedSets } from "../../../shared/observe/store-keys.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { scanPages } from "../../../shared/store/scan-set.ts";
import type { KeptItem } from "../../../shared/task/snapshot.ts";
import type { Ms } from "../../../shared/time.ts";
import { createForecaster, sumForecasts, type TaskForecast } from "../../../shared/work/forecast/forecast-tasks.ts";
import type { DigestDeps } from "./completed-tasks.ts";

/** A forecast of the time and cost of an agent's open tasks, from its own finished tasks and from planned estimates. */
export interface AgentForecast {
  agent: string;
  /** Number of open tasks, without those in review. */
  openCount: number;
  /** Time and cost of the tasks that can be estimated. */
  ms?: Ms;
  cost?: number;
  /** Number of finished tasks the forecast is based on. */
  finishedCount: number;
  /** Number of open tasks whose estimate of the plan is used. */
  plannedCount: number;
  /** Number of open tasks without any estimate. */
  unknownCount: number;
}

/** Creates a forecast for each agent that has open tasks. */
export async function forecastAgents(deps: DigestDeps): Promise<AgentForecast[]> {
  const forecastItems = createForecaster(deps);
  const forecasts: AgentForecast[] = [];
  for (const { name } of deps.settings.agents) {
    const tasks: TaskForecast[] = [];
    for await (const rows of scanPages<KeptItem>(deps, observedSets.tasks(name)))
      tasks.push(
        ...(await forecastItems(
          rows.map(({ value }) => value).filter(({ review }) => !review),
          name,
        )),
      );
    if (tasks.length === 0) continue;
    const { ms, cost, planned, unknown } = sumForecasts(tasks);
    const finishedBySize = new Map(tasks.map(({ size, finished }) => [size, finished]));
    forecasts.push({
      agent: name,
      openCount: tasks.length,
      ...omitUndefined({ ms, cost }),
      finishedCount: [...finishedBySize.values()].reduce((sum, finished) => sum + finished, 0),
      plannedCount: planned,
      unknownCount: unknown,
    });
  }
  return forecasts;
}
