import type { Deps } from "../../app/deps.ts";
import { DAY, isRecent, MINUTE, type Ms } from "../../time.ts";
import { workKeys } from "../context/work-keys.ts";
import { type ConfidenceOverTime, computeConfidenceOverTime, readFinishedTasks } from "../time/finished-tasks.ts";

/** Each agent's confidence over time, as the metrics show it. */
export interface KeptConfidence {
  /** Store time. */
  at: Ms;
  agents: Record<string, ConfidenceOverTime>;
}

/** Interval between readings: 10 min, because they read each agent's whole history. */
const INTERVAL_MS: Ms = 10 * MINUTE;

/** Reads an agent's confidence over time. */
export async function readConfidence(deps: Pick<Deps, "store">, agent: string): Promise<ConfidenceOverTime> {
  const [tasks, now] = await Promise.all([readFinishedTasks(deps, agent), deps.store.now()]);
  return computeConfidenceOverTime(tasks, now);
}

/** Stores each agent's confidence for the metrics, unless that was done a moment ago. */
export async function refreshConfidence(deps: Pick<Deps, "store" | "settings">): Promise<void> {
  const [[stored], now] = await Promise.all([deps.store.read<KeptConfidence>([workKeys.confidence]), deps.store.now()]);
  if (stored && isRecent(stored.value.at, INTERVAL_MS, now)) return;
  const agents: KeptConfidence["agents"] = {};
  for (const { name } of deps.settings.agents) agents[name] = await readConfidence(deps, name);
  const value: KeptConfidence = { at: now, agents };
  await deps.store.commit({ put: [{ key: workKeys.confidence, value, expires: DAY }] });
}
