/**
 * What the sessions of agents have used, by their gateway's own figures. They are totals that grow: what was added
 * since the last time belongs to the task on which the agent worked most meanwhile, where it takes the place of what
 * the agent reported. What belongs to no task counts for the agent and the month only.
 */

import { prepareSpending } from "../accounting/spending.ts";
import { readAllTimes } from "../accounting/time-entries.ts";
import type { TaskDeps } from "../app/deps.ts";
import type { Task } from "../records/plane-records.ts";
import type { StoreKey } from "../store/port.ts";
import { mergeUpdates, updateValue } from "../store/records.ts";
import { DAY, type Ms } from "../time.ts";
import { prepareMeasuredUsage } from "./card-record.ts";
import { findStoredTask } from "./find-task.ts";

/** The totals of a session of an agent, by its gateway. */
interface SessionUsage {
  agent: string;
  /** The gateway's id of the session. */
  session: string;
  tokens: number;
  cost: number;
  /** Its first and its last activity. */
  from: Ms;
  to: Ms;
}

/** What was counted of a session, and until when. */
type UsageRecord = Pick<SessionUsage, "tokens" | "cost" | "to">;

/** Retention of what was counted: 90 days after a session's last figures, longer than a gateway reports it. */
const RETENTION_MS: Ms = 90 * DAY;

const usageKey = (agent: string, session: string): StoreKey =>
  `usage:${encodeURIComponent(agent)}:${encodeURIComponent(session)}`;

/** Counts what these sessions have used since they were counted last; returns how many have used more. */
export async function recordSessionUsage(deps: TaskDeps, sessions: readonly SessionUsage[], correlation: string) {
  let counted = 0;
  for (const usage of sessions) {
    const { agent, session, tokens, cost, to } = usage;
    const key = usageKey(agent, session);
    const isCounted = await updateValue<UsageRecord, boolean>(deps, key, async (before) => {
      const delta = { tokens: tokens - (before?.tokens ?? 0), cost: cost - (before?.cost ?? 0) };
      if (delta.tokens <= 0 && delta.cost <= 0) return { result: false };
      const task = await findTaskAt(deps, agent, before?.to ?? usage.from, to);
      const nothing = { project: { id: "", identifier: "" } };
      const update = task
        ? await prepareMeasuredUsage(deps, task, agent, delta, correlation)
        : await prepareSpending(deps, nothing, agent, { ...delta, measured: delta.cost });
      const value = { tokens, cost, to } satisfies UsageRecord;
      return { ...mergeUpdates([{ put: [{ key, value, expires: RETENTION_MS }] }, update]), result: true };
    });
    if (isCounted) counted += 1;
  }
  return counted;
}

/** The task on which the agent's timers ran longest in a period; undefined when none ran. */
async function findTaskAt(deps: TaskDeps, agent: string, from: Ms, to: Ms): Promise<Task | undefined> {
  let best = { item: "", ms: 0 };
  for await (const page of readAllTimes(deps, await deps.store.now()))
    for (const { item, entries } of page) {
      const own = entries.filter((entry) => entry.agent === agent);
      const parts = own.map((entry) => Math.min(entry.to ?? entry.from + entry.ms, to) - Math.max(entry.from, from));
      const ms = parts.reduce((sum, part) => sum + Math.max(0, part), 0);
      if (ms > best.ms) best = { item, ms };
    }
  return best.item === "" ? undefined : findStoredTask(deps, best.item);
}
