import { omitUndefined } from "../../omit-undefined.ts";
import { type Ms, SECOND } from "../../time.ts";

/** One run of a timer, in store time. Without `to` it runs until the claim ends. */
export interface TimeEntry {
  agent: string;
  /** The fencing number of the claim under which it runs and with which it ends. */
  fence: number;
  from: Ms;
  to?: Ms;
}

/** All time entries of one item. No two of them ever run at the same time. */
export interface KeptTimes {
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
  paused?: { agent: string; since: Ms; why: "stopped" | "asked"; at: Ms };
}

/** What a timer needs of the claim under which it runs. */
export interface TimerClaim {
  item: string;
  project: string;
  agent: string;
  fence: number;
  /** Store times. */
  since: Ms;
  until: Ms;
}

/** Limit of entries per item; the sum of older ones is kept in `carried`. */
const MAX_ENTRIES = 500;

/**
 * Whether an entry without an end runs under this claim. The claim's number changes when the claim continues after a
 * downtime of Groundcrew, so its start counts as well. An entry of an earlier claim ended with that claim, even if the end
 * is not recorded yet.
 */
export function isRunning({ agent, fence, from, to }: TimeEntry, claim: TimerClaim | undefined): boolean {
  return to === undefined && agent === claim?.agent && (fence === claim.fence || from >= claim.since);
}

/**
 * The time of an entry in whole seconds, so that sums of entries agree wherever they are shown. A running entry counts
 * until `now`, but not beyond the end of its claim; one whose claim has ended counts when its end is recorded.
 */
export function measureEntry(entry: TimeEntry, claim: TimerClaim | undefined, now: Ms): Ms {
  if (entry.to !== undefined) return measurePeriod({ from: entry.from, to: entry.to });
  return claim && isRunning(entry, claim) ? measurePeriod({ from: entry.from, to: Math.min(now, claim.until) }) : 0;
}

/** The length of a period in whole seconds; 0 when the store's clock was set back meanwhile. */
export function measurePeriod({ from, to }: { from: Ms; to: Ms }): Ms {
  return Math.floor(Math.max(0, to - from) / SECOND) * SECOND;
}

/** Total time by agent. Running timers count until `running.now`, or not at all without it. */
export function sumTimes(
  { entries, carried = {} }: Pick<KeptTimes, "entries" | "carried">,
  running?: { claim: TimerClaim | undefined; now: Ms },
): Record<string, Ms> {
  const totals: Record<string, Ms> = { ...carried };
  for (const entry of entries) {
    const ms = measureEntry(entry, running?.claim, running?.now ?? 0);
    if (ms > 0) totals[entry.agent] = (totals[entry.agent] ?? 0) + ms;
  }
  return totals;
}

/** Drops the oldest finished entries above the limit and adds their time to `carried`. */
export function trimTimeEntries(
  entries: TimeEntry[],
  carried: Record<string, Ms> | undefined,
): Pick<KeptTimes, "entries" | "carried"> {
  const oldEntries = entries.slice(0, Math.max(0, entries.length - MAX_ENTRIES)).filter(({ to }) => to !== undefined);
  if (oldEntries.length === 0) return { entries, ...omitUndefined({ carried }) };
  const oldTimes = { entries: oldEntries, ...omitUndefined({ carried }) };
  return { entries: entries.filter((entry) => !oldEntries.includes(entry)), carried: sumTimes(oldTimes) };
}
