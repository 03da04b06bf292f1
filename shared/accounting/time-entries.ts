/**
 * The time spent on tasks, as entries of timers. `readTaskTimes` is the one source of every number of time that people
 * and agents see; a running timer is counted until now.
 */

import type { StoreDeps } from "../app/deps.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { type ClaimRecord, readClaims } from "../records/claim-record.ts";
import { workKeys, workSets } from "../records/store-keys.ts";
import { scanPages } from "../store/records.ts";
import { type Ms, measurePeriod } from "../time.ts";

/** The time entries and the time spent of one task. Times are store times, sums whole seconds in milliseconds. */
export interface TaskTimes {
  /** `ms` of a running entry, which has no `to`, counts until now or until its claim ended. */
  entries: { agent: string; from: Ms; to?: Ms; ms: Ms }[];
  /** Time by agent that is contained in no entry. */
  carried: Record<string, Ms>;
  /** Time by agent, with running entries until now. Everything that people and agents see comes from here. */
  totals: Record<string, Ms>;
  /** The sum of `totals`. */
  spent: Ms;
  /** Time by agent without the running entry, and that entry: the same time in a form that no clock changes. */
  stopped: Record<string, Ms>;
  running: { agent: string; since: Ms }[];
}

/** One run of a timer, in store time. Without `to` it runs until the claim ends. */
export interface TimeEntry {
  agent: string;
  /** The fencing number of the claim under which it runs and with which it ends. */
  fence: number;
  from: Ms;
  to?: Ms;
}

/** All time entries of one item. No two of them ever run at the same time. */
export interface TimeEntriesRecord {
  /** `ONB-12` */
  task: string;
  /** `ONB` */
  project: string;
  entries: TimeEntry[];
  /** Time by agent that has no entry here: restored from the agent card, or of entries that were dropped as too old. */
  carried?: Record<string, Ms>;
  /**
   * Why the timer does not run although the task is in progress and held: `stopped` by its agent, or the agent has
   * `asked` a human. It holds for the claim that began at `since`; `at` is the store time of the pause.
   */
  paused?: { agent: string; since: Ms; reason: "stopped" | "asked"; at: Ms };
}

/** What a timer needs of the claim under which it runs. */
export type TimerClaim = Pick<ClaimRecord, "item" | "project" | "agent" | "fence" | "since" | "until">;

/** Limit of entries per item; the sum of older ones is kept in `carried`. */
const MAX_ENTRIES = 500;

/** Reads the time spent on an item: the one source of every number of time that people and agents see. */
export async function readTaskTimes(deps: StoreDeps, item: string): Promise<TaskTimes> {
  const [[times], [claim], now] = await Promise.all([
    deps.store.read<TimeEntriesRecord>([workKeys.time(item)]),
    readClaims(deps, [item]),
    deps.store.now(),
  ]);
  return toTaskTimes(times?.value, claim?.value, now);
}

/** Yields the time spent of all items, one page of the store at a time. */
export async function* readAllTimes(
  deps: StoreDeps,
  now: Ms,
): AsyncGenerator<(TaskTimes & Pick<TimeEntriesRecord, "task" | "project"> & { item: string })[]> {
  for await (const rows of scanPages<TimeEntriesRecord>(deps, workSets.times)) {
    const items = rows.map(({ key }) => key.slice(workKeys.time("").length));
    const claims = items.length > 0 ? await readClaims(deps, items) : [];
    yield rows.map(({ value }, i) => ({
      item: items[i] ?? "",
      task: value.task,
      project: value.project,
      ...toTaskTimes(value, claims[i]?.value, now),
    }));
  }
}

/**
 * Reads the time spent on a task and its cost in the budget's currency, of all agents; absent when there is none.
 * `times` are its times after a change that is about to be committed, with no timer running.
 */
export async function readTaskFigures(deps: StoreDeps, item: string, times?: TimeEntriesRecord) {
  const [[card], { spent }] = await Promise.all([
    deps.store.read<{ cost?: number }>([workKeys.card(item)]),
    times ? toTaskTimes(times, undefined, 0) : readTaskTimes(deps, item),
  ]);
  return omitUndefined({ timeSpentMs: spent > 0 ? spent : undefined, cost: card?.value.cost });
}

/** Computes the time spent of stored entries under the task's present claim. */
export function toTaskTimes(times: TimeEntriesRecord | undefined, claim: TimerClaim | undefined, now: Ms): TaskTimes {
  const { entries = [], carried = {} } = times ?? {};
  const measured = entries.map((entry) => {
    const { fence: _, ...period } = entry;
    return { ...period, ms: measureEntry(entry, claim, now) };
  });
  const totals = sumTimes(measured, carried);
  const ended = measured.filter(({ to }) => to !== undefined);
  return {
    entries: measured,
    carried,
    totals,
    spent: Object.values(totals).reduce((sum, ms) => sum + ms, 0),
    stopped: sumTimes(ended, carried),
    running: entries.flatMap((entry) => (isRunning(entry, claim) ? [{ agent: entry.agent, since: entry.from }] : [])),
  };
}

function sumTimes(entries: readonly { agent: string; ms: Ms }[], carried: Record<string, Ms> = {}): Record<string, Ms> {
  const totals = { ...carried };
  for (const { agent, ms } of entries) if (ms > 0) totals[agent] = (totals[agent] ?? 0) + ms;
  return totals;
}

/**
 * The time of an entry in whole seconds, so that sums of entries agree wherever they are shown. A running entry counts
 * until `now`, but not beyond the end of its claim; one whose claim has ended counts when its end is recorded.
 */
function measureEntry(entry: TimeEntry, claim: TimerClaim | undefined, now: Ms): Ms {
  if (entry.to !== undefined) return measurePeriod({ from: entry.from, to: entry.to });
  return claim && isRunning(entry, claim) ? measurePeriod({ from: entry.from, to: Math.min(now, claim.until) }) : 0;
}

/**
 * Whether an entry without an end runs under this claim. The claim's number changes when the claim continues after a
 * downtime of Groundcrew, so its start counts as well. An entry of an earlier claim ended with that claim, even if the
 * end is not recorded yet.
 */
export function isRunning({ agent, fence, from, to }: TimeEntry, claim: TimerClaim | undefined): boolean {
  return to === undefined && agent === claim?.agent && (fence === claim.fence || from >= claim.since);
}

/** Drops the oldest finished entries above the limit and adds their time to `carried`. */
export function trimTimeEntries(times: TimeEntriesRecord): TimeEntriesRecord {
  const { entries, carried } = times;
  const old = entries.slice(0, Math.max(0, entries.length - MAX_ENTRIES)).filter(({ to }) => to !== undefined);
  if (old.length === 0) return times;
  const measured = old.map((entry) => ({ agent: entry.agent, ms: measureEntry(entry, undefined, 0) }));
  return { ...times, entries: entries.filter((entry) => !old.includes(entry)), carried: sumTimes(measured, carried) };
}
