import type { Deps } from "../../app/deps.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { scanPages } from "../../store/scan-set.ts";
import type { Ms } from "../../time.ts";
import { workKeys, workSets } from "../context/work-keys.ts";
import { isRunning, type KeptTimes, measureEntry, sumTimes, type TimerClaim } from "./time-entries.ts";

type StoreDeps = Pick<Deps, "store">;

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

/** Reads the time spent on an item: the one source of every number of time that people and agents see. */
export async function readTaskTimes(deps: StoreDeps, item: string): Promise<TaskTimes> {
  const [[times], [claim], now] = await Promise.all([
    deps.store.read<KeptTimes>([workKeys.time(item)]),
    deps.store.read<TimerClaim>([workKeys.claim(item)]),
    deps.store.now(),
  ]);
  return toTaskTimes(times?.value, claim?.value, now);
}

/** Computes the time spent of stored entries under the task's present claim. */
export function toTaskTimes(times: KeptTimes | undefined, claim: TimerClaim | undefined, now: Ms): TaskTimes {
  const { entries = [], carried = {} } = times ?? {};
  const totals = sumTimes({ entries, carried }, { claim, now });
  return {
    entries: entries.map((entry) => {
      const { agent, from, to } = entry;
      return { agent, from, ...omitUndefined({ to }), ms: measureEntry(entry, claim, now) };
    }),
    carried,
    totals,
    spent: Object.values(totals).reduce((sum, ms) => sum + ms, 0),
    stopped: sumTimes({ entries, carried }),
    running: entries.flatMap((entry) => (isRunning(entry, claim) ? [{ agent: entry.agent, since: entry.from }] : [])),
  };
}

/** Yields the time spent of all items, one page of the store at a time. */
export async function* readAllTimes(
  deps: StoreDeps,
  now: Ms,
): AsyncGenerator<(TaskTimes & Pick<KeptTimes, "task" | "project">)[]> {
  const prefix = workKeys.time("");
  for await (const rows of scanPages<KeptTimes>(deps, workSets.times)) {
    const hasRunning = ({ value }: { value: KeptTimes }) => value.entries.some(({ to }) => to === undefined);
    const items = rows.filter(hasRunning).map(({ key }) => key.slice(prefix.length));
    const claims = items.length > 0 ? await deps.store.read<TimerClaim>(items.map(workKeys.claim)) : [];
    const claimByItem = new Map(items.map((item, i) => [item, claims[i]?.value]));
    yield rows.map(({ key, value }) => ({
      task: value.task,
      project: value.project,
      ...toTaskTimes(value, claimByItem.get(key.slice(prefix.length)), now),
    }));
  }
}
