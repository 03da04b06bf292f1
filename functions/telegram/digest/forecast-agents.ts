import { observedSets } from "../../../shared/observe/store-keys.ts";
import { scanRows } from "../../../shared/store/scan-set.ts";
import type { KeptItem } from "../../../shared/task/snapshot.ts";
import type { Ms } from "../../../shared/time.ts";
import { estimateTask, type TaskEstimate } from "../../../shared/work/time/estimates.ts";
import { getTaskSize, TASK_SIZES, type TaskSize } from "../../../shared/work/time/task-size.ts";
import { readTaskTimes } from "../../../shared/work/time/time-entries.ts";
import type { DigestDeps } from "./completed-tasks.ts";

/** A forecast of the time and cost of an agent's open tasks, based on its own finished tasks. */
export interface AgentForecast {
  agent: string;
  /** Number of open tasks, without those in review. */
  openCount: number;
  /** Time and cost of the tasks that can be estimated. */
  ms?: Ms;
  cost?: number;
  /** Number of finished tasks the forecast is based on. */
  finishedCount: number;
  /** Number of open tasks of a size with too few finished tasks for an estimate. */
  unknownCount: number;
}

/** Creates a forecast for each agent that has open tasks. */
export async function forecastAgents(deps: DigestDeps): Promise<AgentForecast[]> {
  const forecasts: AgentForecast[] = [];
  for (const { name } of deps.settings.agents) {
    const forecast = await forecastAgent(deps, name);
    if (forecast.openCount > 0) forecasts.push(forecast);
  }
  return forecasts;
}

async function forecastAgent(deps: DigestDeps, agent: string): Promise<AgentForecast> {
  const entries = await Promise.all(
    TASK_SIZES.map(async (size) => [size, await estimateTask(deps, agent, size)] as const),
  );
  const estimates = new Map<TaskSize, TaskEstimate>(entries);
  const forecast: AgentForecast = { agent, openCount: 0, finishedCount: 0, unknownCount: 0 };
  const usedSizes = new Set<TaskSize>();
  for await (const { value: item } of scanRows<KeptItem>(deps, observedSets.tasks(agent))) {
    if (item.review) continue;
    forecast.openCount += 1;
    const size = getTaskSize(item.snapshot);
    const { ms, cost, too_little } = estimates.get(size) ?? { too_little: true };
    usedSizes.add(size);
    if (too_little) forecast.unknownCount += 1;
    if (ms !== undefined) forecast.ms = (forecast.ms ?? 0) + Math.max(0, ms - (await readTimeSpent(deps, item, agent)));
    if (cost !== undefined) forecast.cost = (forecast.cost ?? 0) + cost;
  }
  return {
    ...forecast,
    finishedCount: [...usedSizes].reduce((sum, size) => sum + (estimates.get(size)?.from ?? 0), 0),
  };
}

/** Time already spent on a task in progress, which the forecast subtracts. */
async function readTimeSpent(deps: DigestDeps, { snapshot }: KeptItem, agent: string): Promise<Ms> {
  if (snapshot.word !== "in_progress") return 0;
  return (await readTaskTimes(deps, snapshot.id)).totals[agent] ?? 0;
}
