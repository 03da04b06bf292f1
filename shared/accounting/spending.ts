/**
 * Time and cost are counted once, in the commit of the change that caused them: by agent and project, by month, and by
 * agent and day.
 */

import type { Deps, StoreDeps } from "../app/deps.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { workKeys, workSets } from "../records/store-keys.ts";
import type { Put, Store, StoreKey } from "../store/port.ts";
import { mergeUpdates, readAllRows, type ValueUpdate } from "../store/records.ts";
import { DAY, HOUR, type Ms, measurePeriod, splitByDay, toZonedDate } from "../time.ts";

/** An agent's spending in a project since the store was created. Neither number ever decreases. */
export interface SpendingRecord {
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

interface MonthRecord {
  /** Of agents. */
  cost: number;
  /** The part of it that gateways have measured; the rest is what agents reported. */
  measured?: number;
  /** Costs of the other sources. */
  others?: Partial<Record<Exclude<SpendingSource, "agents">, number>>;
}

/** An agent's spending of one calendar day, in the settings' time zone of that day. */
export interface AgentDayRecord {
  /** Time of timers that have stopped, on the day on which they ran. */
  ms: Ms;
  /** As it became known that day. */
  cost: number;
  /** The part of it that gateways have measured; the rest is what the agent reported. */
  measured?: number;
  tokens?: number;
}

interface SpendingDelta {
  /** The periods of stopped timers, in store time. */
  periods?: readonly { from: Ms; to: Ms }[];
  /** Cost that has not been counted before. */
  counted?: number;
  /** Difference to the cost reported before for the task; negative when a report was corrected downwards. */
  cost?: number;
  /** The same of what gateways have measured. */
  measured?: number;
  /** Difference to the tokens that were known before. */
  tokens?: number;
  /** The part of the month's sum to which the cost belongs; by default what agents report. */
  source?: SpendingSource;
}

/** Retention of the totals of months and days: 400 days, for a comparison with the previous year. */
const KEPT_MS: Ms = 400 * DAY;

/** Prepares the records of a spending, for the same commit as the change that caused it, so that it is counted once. */
export async function prepareSpending(
  { store, settings: { timezone } }: Pick<Deps, "store" | "settings">,
  { project }: { project: SpendingProject },
  agent: string,
  { periods = [], counted = 0, cost = 0, measured = 0, tokens = 0, source = "agents" }: SpendingDelta,
): Promise<Required<ValueUpdate>> {
  const changes: ValueUpdate[] = [];
  async function change<T>(key: StoreKey, compute: (before: T | undefined) => T, options: Partial<Put>) {
    const [record] = await store.read<T>([key]);
    changes.push({ expect: [[key, record?.rev ?? 0]], put: [{ key, value: compute(record?.value), ...options }] });
  }
  const ms = periods.reduce((sum, period) => sum + measurePeriod(period), 0);
  const days = Map.groupBy(
    periods.flatMap((period) => splitByDay(timezone, period)),
    ({ day }) => day,
  );
  const today = toZonedDate(timezone, await store.now());
  if (ms > 0 || counted > 0) {
    const spent = (before = { ms: 0, cost: 0 }): SpendingRecord => {
      const sums = { ms: before.ms + ms, cost: roundAmount(before.cost + counted) };
      return { agent, project: project.identifier, ...sums };
    };
    await change(workKeys.spent(agent, project.id), spent, { sets: [workSets.spent] });
  }
  if (cost !== 0 || measured !== 0) {
    const month = ({ others, ...before }: MonthRecord = { cost: 0 }): MonthRecord => ({
      ...before,
      ...(source === "agents" ? { cost: addAmount(before.cost, cost) } : {}),
      ...omitUndefined({
        others: source === "agents" ? others : { ...others, [source]: addAmount(others?.[source], cost) },
        measured: addKnown(before.measured, measured),
      }),
    });
    await change(workKeys.month(toMonth(today)), month, { expires: KEPT_MS });
  }
  if ((cost !== 0 || measured !== 0 || tokens !== 0) && !days.has(today)) days.set(today, []);
  for (const [day, parts] of days) {
    const ofDay = (amount: number) => (day === today ? amount : 0);
    const agentDay = (before: AgentDayRecord = { ms: 0, cost: 0 }): AgentDayRecord => ({
      ms: parts.reduce((sum, part) => sum + part.ms, before.ms),
      cost: addAmount(before.cost, ofDay(cost)),
      ...omitUndefined({
        measured: addKnown(before.measured, ofDay(measured)),
        tokens: addKnown(before.tokens, ofDay(tokens)),
      }),
    });
    await change(workKeys.agentDay(agent, day), agentDay, { expires: KEPT_MS });
  }
  return mergeUpdates(changes);
}

/** Costs of an hour are counted in millionths, because a bucket counts whole numbers. */
export const COST_UNITS = 1e6;
export const toCostBucket = (agent: string) => `limit:cost:${encodeURIComponent(agent)}`;

/** Counts a cost against the agent's limit of an hour. */
export async function countHourlyCost({ store }: StoreDeps, agent: string, cost: number): Promise<void> {
  const units = Math.round(cost * COST_UNITS);
  if (units > 0) await store.consume(toCostBucket(agent), units, Number.MAX_SAFE_INTEGER, HOUR);
}

/** The currency of all amounts (ISO 4217): the budget's, else US dollars, in which Claude Code reports its costs. */
export function getCurrency({ budget }: { budget?: { currency: string } | undefined }): string {
  return budget?.currency ?? "USD";
}

const addAmount = (before = 0, amount: number) => Math.max(0, roundAmount(before + amount));

/** Undefined stays so until there is an amount. */
const addKnown = (before: number | undefined, amount: number) =>
  before === undefined && amount === 0 ? undefined : addAmount(before, amount);

const toMonth = (day: string) => day.slice(0, "2026-11".length);

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
  /** The part of what agents have cost that they reported themselves, while no gateway has measured it. */
  reported: number;
  budget?: NonNullable<Deps["settings"]["budget"]>;
}> {
  const { timezone, budget } = deps.settings;
  const month = toMonth(toZonedDate(timezone, await deps.store.now()));
  const [record] = await deps.store.read<MonthRecord>([workKeys.month(month)]);
  const sources = { agents: record?.value.cost ?? 0, ...record?.value.others };
  const cost = roundAmount(Object.values(sources).reduce((sum, amount) => sum + amount, 0));
  const reported = addAmount(sources.agents, -(record?.value.measured ?? 0));
  return { month, cost, sources, reported, ...omitUndefined({ budget }) };
}

/** Reads all spending, by agent and project. */
export async function readAllSpending(store: Pick<Store, "scan">): Promise<SpendingRecord[]> {
  return (await readAllRows<SpendingRecord>({ store }, workSets.spent)).map(({ value }) => value);
}

/** Rounds an amount to a millionth, which removes the errors of binary fractions from sums. */
export function roundAmount(amount: number): number {
  return Math.round(amount * 1e6) / 1e6;
}
