import { omitUndefined } from "../../omit-undefined.ts";
import { scanPages } from "../../store/scan-set.ts";
import { updateValue, type ValueUpdate } from "../../store/update.ts";
import type { Ms } from "../../time.ts";
import type { WorkDeps } from "../context/call-context.ts";
import { workKeys, workSets } from "../context/work-keys.ts";
import { findKeptTask, type Task } from "../tasks/find-task.ts";
import { prepareSpending } from "./spending.ts";

/** One run of a timer, in store time. Without `to` it is still running. */
export interface TimeEntry {
  agent: string;
  /** The fencing number of the claim under which it runs and with which it ends. */
  fence: number;
  from: Ms;
  to?: Ms;
}

/** All time entries of one item. */
export interface KeptTimes {
  /** `ONB-12` */
  task: string;
  /** `ONB` */
  project: string;
  entries: TimeEntry[];
  /** Time by agent that has no entry here: restored from the agent card, or of entries that were dropped as too old. */
  carried?: Record<string, Ms>;
}

/** Limit of entries per item; the sum of older ones is kept in `carried`. */
const MAX_ENTRIES = 500;

/**
 * Stops an agent's timers on an item at the end of its claim (store time): with `fence` those of this claim and of
 * older ones, else those started until then. Idempotent.
 */
export async function stopTimers(deps: WorkDeps, item: string, agent: string, at: Ms, fence?: number): Promise<void> {
  await updateValue<KeptTimes>(deps, workKeys.time(item), async (times) => {
    const ended = (times?.entries ?? []).filter(
      (entry) =>
        entry.agent === agent &&
        entry.to === undefined &&
        (fence === undefined ? entry.from <= at : entry.fence <= fence),
    );
    const task = await findKeptTask(deps, item);
    if (!times || !task || ended.length === 0) return undefined;
    return prepareClosedEntries(deps, task, times, ended, at);
  });
}

/** Prepares a commit that ends these entries of one agent and counts their time. */
export async function prepareClosedEntries(
  deps: WorkDeps,
  task: Task,
  times: KeptTimes,
  ended: readonly TimeEntry[],
  at: Ms,
): Promise<ValueUpdate> {
  const key = workKeys.time(task.id);
  const agent = ended[0]?.agent ?? "";
  const entries = times.entries.map((entry) =>
    ended.includes(entry) ? { ...entry, to: Math.max(entry.from, at) } : entry,
  );
  const ms = ended.reduce((sum, { from }) => sum + Math.max(0, at - from), 0);
  const { expect, put } = await prepareSpending(deps, task, agent, { ms });
  return { expect, put: [{ key, value: { ...times, entries } satisfies KeptTimes, sets: [workSets.times] }, ...put] };
}

/** Reads the time entries of an item and each agent's total, with running entries until now. Store times. */
export async function readTaskTimes(
  deps: Pick<WorkDeps, "store">,
  item: string,
): Promise<{ entries: { agent: string; from: Ms; to?: Ms }[]; totals: Record<string, Ms> }> {
  const [[record], now] = await Promise.all([deps.store.read<KeptTimes>([workKeys.time(item)]), deps.store.now()]);
  const entries = (record?.value.entries ?? []).map(({ fence: _, ...entry }) => entry);
  return { entries, totals: record ? sumTimes(record.value, now) : {} };
}

/** Total time by agent. Running timers count until `now`, or not at all without it. */
export function sumTimes({ entries, carried = {} }: KeptTimes, now?: Ms): Record<string, Ms> {
  const totals: Record<string, Ms> = { ...carried };
  for (const { agent, from, to } of entries) {
    const end = to ?? now;
    if (end !== undefined) totals[agent] = (totals[agent] ?? 0) + Math.max(0, end - from);
  }
  return totals;
}

/** Yields the time entries of all items, one page of the store at a time. */
export async function* readAllTimes(deps: Pick<WorkDeps, "store">): AsyncGenerator<KeptTimes[]> {
  for await (const rows of scanPages<KeptTimes>(deps, workSets.times)) yield rows.map(({ value }) => value);
}

/** Drops the oldest finished entries above the limit and adds their time to `carried`. */
export function trimTimeEntries(
  entries: TimeEntry[],
  carried: Record<string, Ms> | undefined,
): Pick<KeptTimes, "entries" | "carried"> {
  const oldEntries = entries.slice(0, Math.max(0, entries.length - MAX_ENTRIES)).filter(({ to }) => to !== undefined);
  if (oldEntries.length === 0) return { entries, ...omitUndefined({ carried }) };
  const oldTimes = { task: "", project: "", entries: oldEntries, ...omitUndefined({ carried }) };
  return { entries: entries.filter((entry) => !oldEntries.includes(entry)), carried: sumTimes(oldTimes) };
}
