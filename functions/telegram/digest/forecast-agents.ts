import { observedSets } from "../../../shared/observe/store-keys.ts";
import { scanRows } from "../../../shared/store/scan-set.ts";
import type { KeptItem } from "../../../shared/task/snapshot.ts";
import type { Ms } from "../../../shared/time.ts";
import { estimateTask, type TaskEstimate } from "../../../shared/work/time/estimates.ts";
import { getTaskSize, TASK_SIZES, type TaskSize } from "../../../shared/work/time/task-size.ts";
import { readTaskTimes } from "../../../shared/work/time/time-entries.ts";
import type { DigestDeps } from "./completed-tasks.ts";

/** What an agent's open tasks will still take at its own past pace. */
export interface AgentForecast {
  agent: string;
  /** Open tasks but for those that wait for a review. */
  openCount: number;
  /** Of those that can be told. */
  ms?: Ms;
  cost?: number;
  /** How many finished tasks tell it. */
  finishedCount: number;
  /** How many open tasks are of a size that too few finished ones tell of. */
  unknownCount: number;
}

/** A forecast for each agent that has something to do. */
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

/** What was begun takes only the rest. */
async function readTimeSpent(deps: DigestDeps, { snapshot }: KeptItem, agent: string): Promise<Ms> {
  if (snapshot.word !== "in_progress") return 0;
  return (await readTaskTimes(deps, snapshot.id)).totals[agent] ?? 0;
}
