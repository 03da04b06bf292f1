import type { Deps } from "../../app/deps.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { readAllRows } from "../../store/scan-set.ts";
import type { Ms } from "../../time.ts";
import { createZonedDate, getPreviousDate, splitByDay } from "../../zoned-date.ts";
import { workKeys, workSets } from "../context/work-keys.ts";
import { computeMeanConfidence, type FinishedTask, readRecentlyFinishedTasks } from "./finished-tasks.ts";
import type { KeptAgentDay } from "./spending.ts";
import { readTaskTimes } from "./task-times.ts";
import type { TimerClaim } from "./time-entries.ts";

/** An agent's figures of one calendar day in the settings' time zone. */
export interface AgentDay {
  /** `2026-11-22` */
  day: string;
  /** Number of tasks finished that day. */
  tasks: number;
  /** Time spent that day. A timer that runs counts until now. */
  ms: Ms;
  /** Cost reported that day, in the budget's currency. */
  cost: number;
  /** Mean of the tasks finished that day, 0 to 1; absent when none reported one. */
  confidence?: number;
}

/**
 * Reads an agent's figures of the last `days` calendar days, oldest first, today last; days without work are zeros. The
 * figures of a day are stored for 400 days. Versions up to 0.2 stored no time and cost by day.
 */
export async function readAgentDays(
  deps: Pick<Deps, "store" | "settings">,
  agent: string,
  days: number,
): Promise<AgentDay[]> {
  const { store, settings } = deps;
  const toDay = createZonedDate(settings.timezone);
  const dates = listLastDates(toDay(await store.now()), days);
  const [stored, running, finishedTasks] = await Promise.all([
    store.read<KeptAgentDay>(dates.map((day) => workKeys.agentDay(agent, day))),
    readRunningTime(deps, agent),
    readRecentlyFinishedTasks(deps, agent, dates),
  ]);
  const finished = Map.groupBy(finishedTasks, ({ at }: FinishedTask) => toDay(at));
  return dates.map((day, i) => {
    const { ms, cost } = stored[i]?.value ?? { ms: 0, cost: 0 };
    const tasks = finished.get(day) ?? [];
    return {
      day,
      tasks: tasks.length,
      ms: ms + (running.get(day) ?? 0),
      cost,
      ...omitUndefined({ confidence: computeMeanConfidence(tasks) }),
    };
  });
}

function listLastDates(today: string, days: number): string[] {
  const dates: string[] = [];
  for (let day = today; dates.length < days; day = getPreviousDate(day)) dates.unshift(day);
  return dates;
}

/** The time of the agent's running timers by day, which is stored only when they stop. */
async function readRunningTime(deps: Pick<Deps, "store" | "settings">, agent: string): Promise<Map<string, Ms>> {
  const byDay = new Map<string, Ms>();
  for (const { value: claim } of await readAllRows<TimerClaim>(deps, workSets.claimsOf(agent))) {
    const { entries } = await readTaskTimes(deps, claim.item);
    for (const { agent: by, from, to, ms } of entries) {
      if (by !== agent || to !== undefined) continue;
      for (const part of splitByDay(deps.settings.timezone, { from, to: from + ms }))
        byDay.set(part.day, (byDay.get(part.day) ?? 0) + part.ms);
    }
  }
  return byDay;
}
