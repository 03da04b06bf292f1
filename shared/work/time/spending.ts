import type { Deps } from "../../app/deps.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import type { Commit, Store, StoreKey } from "../../store/port.ts";
import { readAllRows } from "../../store/scan-set.ts";
import { DAY, type Ms } from "../../time.ts";
import { splitByDay, toZonedDate } from "../../zoned-date.ts";
import { workKeys, workSets } from "../context/work-keys.ts";
import { measurePeriod } from "./time-entries.ts";

/** An agent's spending in a project since the store was created. Neither number ever decreases. */
export interface KeptSpending {
  agent: string;
  /** `ONB` */
  project: string;
  ms: Ms;
  /** In the budget's currency. */
  cost: number;
}

/** The project in which something is spent. */
export interface SpendingProject {
  id: string;
  /** `ONB` */
  identifier: string;
}

/**
 * Where a month's spending comes from: what agents report, and the costs of the sessions of tickets. A source without
 * spending is shown nowhere.
 */
export type SpendingSource = "agents" | "tickets";

interface KeptMonth {
  /** Reported by agents. */
  cost: number;
  /** Costs of the other sources. */
  others?: Partial<Record<Exclude<SpendingSource, "agents">, number>>;
}

/** An agent's spending of one calendar day, in the settings' time zone of that day. */
export interface KeptAgentDay {
  /** Time of timers that have stopped, on the day on which they ran. */
  ms: Ms;
  /** As reported that day. */
  cost: number;
}

interface SpendingDelta {
  /** The periods of stopped timers, in store time. */
  periods?: readonly { from: Ms; to: Ms }[];
  /** Cost that has not been counted before. */
  counted?: number;
  /** Difference to the cost reported before for the task; negative when a report was corrected downwards. */
  cost?: number;
  /** The part of the month's sum to which the cost belongs; by default what agents report. */
  source?: SpendingSource;
}

/** Retention of the totals of months and days: 400 days, for a comparison with the previous year. */
const KEPT_MS: Ms = 400 * DAY;

/** Prepares the records of a spending, for the same commit as the change that caused it, so that it is counted once. */
export async function prepareSpending(
  deps: Pick<Deps, "store" | "settings">,
  { project }: { project: SpendingProject },
  agent: string,
  { periods = [], counted: countedCost = 0, cost = 0, source = "agents" }: SpendingDelta,
): Promise<Changes> {
  const { timezone } = deps.settings;
  const changes: Changes = { expect: [], put: [] };
  const ms = periods.reduce((sum, period) => sum + measurePeriod(period), 0);
  const days = new Map<string, KeptAgentDay>();
  for (const { day, ...part } of periods.flatMap((period) => splitByDay(timezone, period))) addTo(days, day, part);
  if (ms > 0 || countedCost > 0) {
    const key = workKeys.spent(agent, project.id);
    const [record] = await deps.store.read<KeptSpending>([key]);
    const before = record?.value ?? { ms: 0, cost: 0 };
    const value: KeptSpending = {
      agent,
      project: project.identifier,
      ms: before.ms + ms,
      cost: roundAmount(before.cost + countedCost),
    };
    changes.expect.push([key, record?.rev ?? 0]);
    changes.put.push({ key, value, sets: [workSets.spent] });
  }
  if (cost !== 0) {
    const today = toZonedDate(timezone, await deps.store.now());
    const key = workKeys.month(toMonth(today));
    const [record] = await deps.store.read<KeptMonth>([key]);
    const value = addToMonth(record?.value ?? { cost: 0 }, source, cost);
    changes.expect.push([key, record?.rev ?? 0]);
    changes.put.push({ key, value, expires: KEPT_MS });
    addTo(days, today, { cost });
  }
  for (const [day, delta] of days) await addAgentDay(deps, changes, workKeys.agentDay(agent, day), delta);
  return changes;
}

type Changes = Required<Pick<Commit, "expect" | "put">>;

function addToMonth(month: KeptMonth, source: SpendingSource, cost: number): KeptMonth {
  const add = (before = 0) => Math.max(0, roundAmount(before + cost));
  if (source === "agents") return { ...month, cost: add(month.cost) };
  return { ...month, others: { ...month.others, [source]: add(month.others?.[source]) } };
}

function addTo(days: Map<string, KeptAgentDay>, day: string, { ms = 0, cost = 0 }: Partial<KeptAgentDay>): void {
  const before = days.get(day) ?? { ms: 0, cost: 0 };
  days.set(day, { ms: before.ms + ms, cost: before.cost + cost });
}

async function addAgentDay(
  { store }: Pick<Deps, "store">,
  { expect, put }: Changes,
  key: StoreKey,
  { ms, cost }: KeptAgentDay,
): Promise<void> {
  const [record] = await store.read<KeptAgentDay>([key]);
  const before = record?.value ?? { ms: 0, cost: 0 };
  const value: KeptAgentDay = { ms: before.ms + ms, cost: Math.max(0, roundAmount(before.cost + cost)) };
  expect.push([key, record?.rev ?? 0]);
  put.push({ key, value, expires: KEPT_MS });
}

/**
 * Reads the cost of this calendar month (store time, in the settings' time zone) and the
 * budget. A cost belongs to the month in which it was reported.
 */
export async function readMonthlySpending(deps: Pick<Deps, "store" | "settings">): Promise<{
  /** `2026-11` */
  month: string;
  /** The sum of all sources. */
  cost: number;
  sources: Partial<Record<SpendingSource, number>>;
  budget?: { amount: number; currency: string };
}> {
  const { timezone, budget } = deps.settings;
  const month = toMonth(toZonedDate(timezone, await deps.store.now()));
  const [record] = await deps.store.read<KeptMonth>([workKeys.month(month)]);
  const sources = { agents: record?.value.cost ?? 0, ...record?.value.others };
  const cost = roundAmount(Object.values(sources).reduce((sum, amount) => sum + amount, 0));
  return { month, cost, sources, ...omitUndefined({ budget }) };
}

/** Reads all spending, by agent and project. */
export async function readAllSpending(store: Pick<Store, "scan">): Promise<KeptSpending[]> {
  return (await readAllRows<KeptSpending>({ store }, workSets.spent)).map(({ value }) => value);
}

/** Rounds an amount to a millionth, which removes the errors of binary fractions from sums. */
export function roundAmount(amount: number): number {
  return Math.round(amount * 1e6) / 1e6;
}

const toMonth = (day: string) => day.slice(0, "2026-11".length);
