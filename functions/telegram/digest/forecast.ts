import { sets } from "../../../shared/observe/keys.ts";
import type { Ms } from "../../../shared/store/port.ts";
import { walk } from "../../../shared/store/walk.ts";
import type { KeptItem } from "../../../shared/task/snapshot.ts";
import { type Estimate, estimateFor } from "../../../shared/work/estimates.ts";
import { SIZES, type Size, sizeOf } from "../../../shared/work/size.ts";
import { timesOf } from "../../../shared/work/time.ts";
import type { DigestDeps } from "./done.ts";

/** What an agent's open tasks will still take at its own past pace. */
export interface Forecast {
  agent: string;
  /** Open tasks but for those that wait for a review. */
  open: number;
  /** Of those that can be told. */
  ms?: Ms;
  cost?: number;
  /** How many finished tasks tell it. */
  from: number;
  /** How many open tasks are of a size that too few finished ones tell of. */
  unknown: number;
}

/** A forecast for each agent that has something to do. */
export async function forecasts(deps: DigestDeps): Promise<Forecast[]> {
  const found: Forecast[] = [];
  for (const { name } of deps.settings.agents) {
    const forecast = await forecastOf(deps, name);
    if (forecast.open > 0) found.push(forecast);
  }
  return found;
}

async function forecastOf(deps: DigestDeps, agent: string): Promise<Forecast> {
  const told = await Promise.all(SIZES.map(async (size) => [size, await estimateFor(deps, agent, size)] as const));
  const estimates = new Map<Size, Estimate>(told);
  const forecast: Forecast = { agent, open: 0, from: 0, unknown: 0 };
  const used = new Set<Size>();
  for await (const { value: item } of walk<KeptItem>(deps, sets.tasks(agent))) {
    if (item.review) continue;
    forecast.open += 1;
    const size = sizeOf(item.snapshot);
    const { ms, cost, too_little } = estimates.get(size) ?? { too_little: true };
    used.add(size);
    if (too_little) forecast.unknown += 1;
    if (ms !== undefined) forecast.ms = (forecast.ms ?? 0) + Math.max(0, ms - (await spentOn(deps, item, agent)));
    if (cost !== undefined) forecast.cost = (forecast.cost ?? 0) + cost;
  }
  return { ...forecast, from: [...used].reduce((sum, size) => sum + (estimates.get(size)?.from ?? 0), 0) };
}

/** What was begun takes only the rest. */
async function spentOn(deps: DigestDeps, { snapshot }: KeptItem, agent: string): Promise<Ms> {
  if (snapshot.word !== "in_progress") return 0;
  return (await timesOf(deps, snapshot.id)).totals[agent] ?? 0;
}
