import { omitUndefined } from "../../omit-undefined.ts";
import { scanPages } from "../../store/scan-set.ts";
import { updateValue, type ValueUpdate } from "../../store/update.ts";
import type { Ms } from "../../time.ts";
import type { WorkDeps } from "../context/call-context.ts";
import { workKeys, workSets } from "../context/work-keys.ts";
import { findKeptTask, type Task } from "../tasks/find-task.ts";
import { prepareSpending } from "./spending.ts";

/** One run of a timer; store times. Without `to` it still runs. */
export interface TimeEntry {
  agent: string;
  /** The claim it runs under, and ends with. */
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
  /** By agent, what has no entry here: read back from the agent card, or of entries too old to be kept. */
  carried?: Record<string, Ms>;
}

/** An item keeps so many entries; what older ones amount to is carried. */
const MAX_ENTRIES = 500;

/**
 * Stops an agent's timers on an item at the end of its claim (store time): those of this claim and older ones when
 * `fence` is given, else those begun until then. Doing it twice is doing it once.
 */
export async function stopTimers(deps: WorkDeps, item: string, agent: string, at: Ms, fence?: number): Promise<void> {
  await updateValue<KeptTimes>(deps, workKeys.time(item), async (times) => {
    const ended = (times?.entries ?? []).filter(
      (one) =>
        one.agent === agent && one.to === undefined && (fence === undefined ? one.from <= at : one.fence <= fence),
    );
    const task = await findKeptTask(deps, item);
    if (!times || !task || ended.length === 0) return undefined;
    return prepareClosedEntries(deps, task, times, ended, at);
  });
}

/** These runs of one agent ended and counted, for one commit. */
export async function prepareClosedEntries(
  deps: WorkDeps,
  task: Task,
  times: KeptTimes,
  ended: readonly TimeEntry[],
  at: Ms,
): Promise<ValueUpdate> {
  const key = workKeys.time(task.id);
  const agent = ended[0]?.agent ?? "";
  const entries = times.entries.map((one) => (ended.includes(one) ? { ...one, to: Math.max(one.from, at) } : one));
  const ms = ended.reduce((sum, { from }) => sum + Math.max(0, at - from), 0);
  const { expect, put } = await prepareSpending(deps, task, agent, { ms });
  return { expect, put: [{ key, value: { ...times, entries } satisfies KeptTimes, sets: [workSets.times] }, ...put] };
}

/** The time entries of an item and what they amount to for each agent, running ones until now. Store times. */
export async function readTaskTimes(
  deps: Pick<WorkDeps, "store">,
  item: string,
): Promise<{ entries: { agent: string; from: Ms; to?: Ms }[]; totals: Record<string, Ms> }> {
  const [[record], now] = await Promise.all([deps.store.read<KeptTimes>([workKeys.time(item)]), deps.store.now()]);
  const entries = (record?.value.entries ?? []).map(({ fence: _, ...entry }) => entry);
  return { entries, totals: record ? sumTimes(record.value, now) : {} };
}

/** What was spent by each agent; running timers count until `now`, and not at all without it. */
export function sumTimes({ entries, carried = {} }: KeptTimes, now?: Ms): Record<string, Ms> {
  const totals: Record<string, Ms> = { ...carried };
  for (const { agent, from, to } of entries) {
    const end = to ?? now;
    if (end !== undefined) totals[agent] = (totals[agent] ?? 0) + Math.max(0, end - from);
  }
  return totals;
}

/** All items' time entries, a page of the store at a time. */
export async function* readAllTimes(deps: Pick<WorkDeps, "store">): AsyncGenerator<KeptTimes[]> {
  for await (const rows of scanPages<KeptTimes>(deps, workSets.times)) yield rows.map(({ value }) => value);
}

/** With what older entries than are kept amount to. */
export function trimTimeEntries(
  entries: TimeEntry[],
  carried: Record<string, Ms> | undefined,
): Pick<KeptTimes, "entries" | "carried"> {
  const oldEntries = entries.slice(0, Math.max(0, entries.length - MAX_ENTRIES)).filter(({ to }) => to !== undefined);
  if (oldEntries.length === 0) return { entries, ...omitUndefined({ carried }) };
  const oldTimes = { task: "", project: "", entries: oldEntries, ...omitUndefined({ carried }) };
  return { entries: entries.filter((one) => !oldEntries.includes(one)), carried: sumTimes(oldTimes) };
}
