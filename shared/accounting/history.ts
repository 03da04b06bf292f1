/**
 * What an agent's finished tasks say: its pace, its confidence, an estimate of a further task of the same size, and
 * its figures by day.
 */

import type { Deps, StoreDeps } from "../app/deps.ts";
import { htmlToText } from "../markdown/plain-text.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { workKeys, workSets } from "../records/store-keys.ts";
import { readAllRows } from "../store/records.ts";
import { DAY, getPreviousDate, type Ms, splitByDay, toZonedDate } from "../time.ts";
import { type AgentDayRecord, roundAmount } from "./spending.ts";
import { readTaskTimes, type TimerClaim } from "./time-entries.ts";

/** The record of a finished task on which estimates are based. */
export interface FinishedTask {
  /** `ONB-12` */
  task: string;
  agent: string;
  /** `ONB` */
  project: string;
  size: TaskSize;
  /** Store time. */
  at: Ms;
  /** Time by the agent's timers; absent when none ran. */
  ms?: Ms;
  /** As reported. */
  cost?: number;
  /** As reported, 0 to 1. */
  confidence?: number;
}

/** The mean confidence of an agent's tasks in periods that overlap: a period without a confidence is absent. */
export interface ConfidenceOverTime {
  /** The last 7 days, the last 30 days, and the time before the last 30 days. */
  week?: number;
  month?: number;
  before?: number;
}

/** The estimated time and cost of a task, absent with too little history; `from`: the number of finished tasks used. */
export interface TaskEstimate {
  ms?: Ms;
  cost?: number;
  from: number;
}

/** An agent's figures of one calendar day in the settings' time zone. A timer that runs counts until now. */
interface AgentDay extends AgentDayRecord {
  /** `2026-11-22` */
  day: string;
  /** Number of tasks finished that day. */
  tasks: number;
  /** Mean of the tasks finished that day, 0 to 1; absent when none reported one. */
  confidence?: number;
}

/** Limit of finished tasks read per agent; more would not change its pace noticeably. */
const MAX_TASKS = 1000;

/** Minimum number of samples for an estimate: with two, one exceptional task would be half of the data. */
const MIN_SAMPLES = 3;

/** The rough amount of work of a task. */
const TASK_SIZES = ["small", "medium", "large"] as const;

export type TaskSize = (typeof TASK_SIZES)[number];

/** Minimum characters of plain text in the description of a medium task (a few lines) and of a large one (a page). */
const MEDIUM_FROM = 300;
const LARGE_FROM = 1_500;

/** Limit of characters of a description that are examined. */
const MAX_READ = 20_000;

const NAMED_SIZE = /\bsize:\s{0,3}(small|medium|large|[sml])\b/i;

/** Reads an agent's pace: medians of time and cost of its finished tasks, and its mean confidence. */
export async function readAgentPace(
  deps: StoreDeps,
  agent: string,
): Promise<{ finished: number; ms?: Ms; cost?: number; confidence?: number }> {
  const finishedTasks = await readFinishedTasks(deps, agent);
  const [ms, cost] = listFigures(finishedTasks).map(computeMedian);
  const confidence = computeMeanConfidence(finishedTasks);
  return { finished: finishedTasks.length, ...omitUndefined({ ms, cost, confidence }) };
}

/** The known times of these tasks, and their known costs. */
function listFigures(tasks: readonly FinishedTask[]): number[][] {
  return (["ms", "cost"] as const).map((figure) => tasks.flatMap((task) => task[figure] ?? []));
}

/** The median of the values; undefined when there are none. */
function computeMedian(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]];
  return low === undefined || high === undefined ? undefined : (low + high) / 2;
}

/** The mean of the reported confidences, rounded to a hundredth; undefined when there are none. */
function computeMeanConfidence(tasks: readonly FinishedTask[]): number | undefined {
  const confidences = tasks.flatMap(({ confidence }) => confidence ?? []);
  if (confidences.length === 0) return undefined;
  return Math.round((confidences.reduce((sum, value) => sum + value, 0) / confidences.length) * 100) / 100;
}

/** Estimates a task by the medians of the agent's finished tasks of this size; time and cost need 3 samples each. */
export async function estimateTask(deps: StoreDeps, agent: string, size: TaskSize): Promise<TaskEstimate> {
  return estimateFromHistory(await readFinishedTasks(deps, agent), size);
}

/**
 * Reads an agent's figures of the last `days` calendar days, oldest first, today last; days without work are zeros. The
 * figures of a day are stored for 400 days.
 */
export async function readAgentDays(
  deps: Pick<Deps, "store" | "settings">,
  agent: string,
  days: number,
): Promise<AgentDay[]> {
  const { store, settings } = deps;
  const toDay = (at: Ms) => toZonedDate(settings.timezone, at);
  const dates = [toDay(await store.now())];
  while (dates.length < days) dates.unshift(getPreviousDate(dates[0] ?? ""));
  const [stored, running, finished] = await Promise.all([
    store.read<AgentDayRecord>(dates.map((day) => workKeys.agentDay(agent, day))),
    readRunningTime(deps, agent),
    Promise.all(dates.map((day) => store.scan<FinishedTask>(workSets.finishedOn(agent, day), undefined, MAX_TASKS))),
  ]);
  return dates.map((day, i) => {
    const { ms, ...spent } = stored[i]?.value ?? { ms: 0, cost: 0 };
    const tasks = finished[i]?.rows.map(({ value }) => value) ?? [];
    return {
      day,
      tasks: tasks.length,
      ms: ms + (running.get(day) ?? 0),
      ...spent,
      ...omitUndefined({ confidence: computeMeanConfidence(tasks) }),
    };
  });
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

/** Reads the tasks an agent has finished in the last 400 days, in no particular order. */
export async function readFinishedTasks({ store }: StoreDeps, agent: string): Promise<FinishedTask[]> {
  const { rows } = await store.scan<FinishedTask>(workSets.finishedBy(agent), undefined, MAX_TASKS);
  return rows.map(({ value }) => value);
}

/** Reads how the confidence of an agent's finished tasks has changed. */
export async function readConfidence(deps: StoreDeps, agent: string): Promise<ConfidenceOverTime> {
  const [tasks, now] = await Promise.all([readFinishedTasks(deps, agent), deps.store.now()]);
  const since = (days: number) => tasks.filter(({ at }) => at > now - days * DAY);
  return omitUndefined({
    week: computeMeanConfidence(since(7)),
    month: computeMeanConfidence(since(30)),
    before: computeMeanConfidence(tasks.filter(({ at }) => at <= now - 30 * DAY)),
  });
}

/** Estimates a task of this size from an agent's finished tasks. */
export function estimateFromHistory(history: readonly FinishedTask[], size: TaskSize): TaskEstimate {
  const figures = listFigures(history.filter((task) => task.size === size));
  const [ms, cost] = figures.map((values) => (values.length < MIN_SAMPLES ? undefined : computeMedian(values)));
  const from = Math.max(...figures.map(({ length }) => length));
  return { ...omitUndefined({ ms, cost: cost === undefined ? undefined : roundAmount(cost) }), from };
}

/** The size that a description (HTML or text) names as `Size: medium` or S, M, L; else the size by its length. */
export function getTaskSize({ description }: { description: string }): TaskSize {
  const text = htmlToText(description, MAX_READ);
  const namedSize = NAMED_SIZE.exec(text)?.[1]?.toLowerCase()[0];
  if (namedSize) return TASK_SIZES.find((size) => size.startsWith(namedSize)) ?? "medium";
  return text.length < MEDIUM_FROM ? "small" : text.length < LARGE_FROM ? "medium" : "large";
}
