import type { Ms } from "../store/port.ts";
import { pages } from "../store/walk.ts";
import type { WorkDeps } from "./acting.ts";
import { keptTask, type Task } from "./find.ts";
import { workKeys, workSets } from "./keys.ts";
import { spending } from "./spent.ts";

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
const ENTRIES = 500;

/**
 * Stops an agent's timers on an item at the end of its claim (store time): those of this claim and older ones when
 * `fence` is given, else those begun until then. Doing it twice is doing it once.
 */
export async function stopTimersOf(deps: WorkDeps, item: string, agent: string, at: Ms, fence?: number): Promise<void> {
  for (;;) {
    const [kept] = await deps.store.read<KeptTimes>([workKeys.time(item)]);
    const over = (kept?.value.entries ?? []).filter(
      (one) =>
        one.agent === agent && one.to === undefined && (fence === undefined ? one.from <= at : one.fence <= fence),
    );
    const task = await keptTask(deps, item);
    if (!kept || !task || over.length === 0) return;
    if ((await close(deps, task, kept.value, kept.rev, over, { at })) === "kept") return;
  }
}

/** Ends these runs of one agent, and counts them, in one commit; under their claim when its `fence` is given. */
export async function close(
  deps: WorkDeps,
  task: Task,
  times: KeptTimes,
  rev: number,
  over: readonly TimeEntry[],
  { at, fence }: { at: Ms; fence?: number },
): Promise<"kept" | "stale" | "fenced"> {
  const key = workKeys.time(task.id);
  const agent = over[0]?.agent ?? "";
  const entries = times.entries.map((one) => (over.includes(one) ? { ...one, to: Math.max(one.from, at) } : one));
  const ms = over.reduce((sum, { from }) => sum + Math.max(0, at - from), 0);
  const { expect, put } = await spending(deps, task, agent, { ms });
  return deps.store.commit({
    expect: [[key, rev], ...expect],
    ...(fence !== undefined && { fence: [workKeys.claim(task.id), fence] }),
    put: [{ key, value: { ...times, entries } satisfies KeptTimes, sets: [workSets.times] }, ...put],
  });
}

/** The time entries of an item and what they amount to for each agent, running ones until now. Store times. */
export async function timesOf(
  deps: Pick<WorkDeps, "store">,
  item: string,
): Promise<{ entries: { agent: string; from: Ms; to?: Ms }[]; totals: Record<string, Ms> }> {
  const [[kept], now] = await Promise.all([deps.store.read<KeptTimes>([workKeys.time(item)]), deps.store.now()]);
  const entries = (kept?.value.entries ?? []).map(({ fence: _, ...entry }) => entry);
  return { entries, totals: kept ? totalsOf(kept.value, now) : {} };
}

/** What was spent by each agent; running timers count until `now`, and not at all without it. */
export function totalsOf({ entries, carried = {} }: KeptTimes, now?: Ms): Record<string, Ms> {
  const totals: Record<string, Ms> = { ...carried };
  for (const { agent, from, to } of entries) {
    const end = to ?? now;
    if (end !== undefined) totals[agent] = (totals[agent] ?? 0) + Math.max(0, end - from);
  }
  return totals;
}

/** All items' time entries, a page of the store at a time. */
export async function* allTimes(deps: Pick<WorkDeps, "store">): AsyncGenerator<KeptTimes[]> {
  for await (const rows of pages<KeptTimes>(deps, workSets.times)) yield rows.map(({ value }) => value);
}

/** With what older entries than are kept amount to. */
export function shortened(entries: TimeEntry[], carried: Record<string, Ms> | undefined): Pick<KeptTimes, "entries"> {
  const old = entries.slice(0, Math.max(0, entries.length - ENTRIES)).filter(({ to }) => to !== undefined);
  if (old.length === 0) return { entries, ...(carried && { carried }) };
  const times = { task: "", project: "", entries: old, ...(carried && { carried }) };
  return { entries: entries.filter((one) => !old.includes(one)), ...{ carried: totalsOf(times) } };
}
