import type { KeptItem } from "../../task/snapshot.ts";
import type { Ms } from "../../time.ts";
import { isRunning, type KeptTimes, type TimeEntry, type TimerClaim, trimTimeEntries } from "./time-entries.ts";

/** Whether the timer of a held task runs by itself: it is in progress, and no human reviews it. */
export function isInWork({ gone, review, snapshot: { word } }: KeptItem): boolean {
  return gone === undefined && !review && word === "in_progress";
}

/** Whether a timer that was started by hand may run: work may be prepared before the task is in progress. */
export function mayBeTimed({ gone, review, snapshot: { word } }: KeptItem): boolean {
  return gone === undefined && !review && (word === "in_progress" || word === "todo");
}

/** Starts the timer of the claim's agent, unless it runs already, and ends a pause. */
export function startEntry<T extends Pick<KeptTimes, "entries" | "carried" | "paused">>(
  { paused: _, ...times }: T,
  { agent, fence, ...claim }: TimerClaim,
  at: Ms,
) {
  const { entries, carried } = times;
  if (entries.some((entry) => isRunning(entry, { agent, fence, ...claim }))) return times;
  return { ...times, ...trimTimeEntries([...entries, { agent, fence, from: at }], carried) };
}

/** Ends the entries without an end that match. An entry never ends before it started, also after a clock was set back. */
export function endEntries<T extends Pick<KeptTimes, "entries">>(
  times: T,
  matches: (entry: TimeEntry) => boolean,
  at: Ms,
): T {
  const entries = times.entries.map((entry) =>
    entry.to === undefined && matches(entry) ? { ...entry, to: Math.max(entry.from, at) } : entry,
  );
  return { ...times, entries };
}

/** Whether the agent of this claim has stopped the timer, or it waits for an answer. */
export function findPause({ paused }: Pick<KeptTimes, "paused">, claim: TimerClaim): KeptTimes["paused"] {
  // The claim's number changes when it continues after a downtime of Groundcrew, its start does not.
  return paused?.agent === claim.agent && paused.since === claim.since ? paused : undefined;
}
