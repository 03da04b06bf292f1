import type { Deps } from "../../app/deps.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import type { Commit, Store } from "../../store/port.ts";
import { readAllRows } from "../../store/scan-set.ts";
import { DAY, type Ms } from "../../time.ts";
import { workKeys, workSets } from "../context/work-keys.ts";
import type { Task } from "../tasks/find-task.ts";

/** An agent's spending in a project since the store was created. Neither number ever decreases. */
export interface KeptSpending {
  agent: string;
  /** `ONB` */
  project: string;
  ms: Ms;
  /** In the budget's currency. */
  cost: number;
}

interface KeptMonth {
  cost: number;
}

interface SpendingDelta {
  /** Time of stopped timers. */
  ms?: Ms;
  /** Cost that has not been counted before. */
  counted?: number;
  /** Difference to the cost reported before for the task; negative when a report was corrected downwards. */
  cost?: number;
}

/** Retention of a month's total: 400 days, for a comparison with the previous year. */
const MONTH_KEPT_MS: Ms = 400 * DAY;

/** Prepares the records of a spending, for the same commit as the change that caused it, so that it is counted once. */
export async function prepareSpending(
  deps: Pick<Deps, "store" | "settings">,
  { project }: Pick<Task, "project">,
  agent: string,
  { ms = 0, counted: countedCost = 0, cost = 0 }: SpendingDelta,
): Promise<Required<Pick<Commit, "expect" | "put">>> {
  const changes: Required<Pick<Commit, "expect" | "put">> = { expect: [], put: [] };
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
    const key = workKeys.month(formatMonth(await deps.store.now(), deps.settings.timezone));
    const [record] = await deps.store.read<KeptMonth>([key]);
    const value: KeptMonth = { cost: Math.max(0, roundAmount((record?.value.cost ?? 0) + cost)) };
    changes.expect.push([key, record?.rev ?? 0]);
    changes.put.push({ key, value, expires: MONTH_KEPT_MS });
  }
  return changes;
}

/**
 * Reads the cost that agents have reported in this calendar month (store time, in the settings' time zone) and the
 * budget. A cost belongs to the month in which it was reported.
 */
export async function readMonthlySpending(deps: Pick<Deps, "store" | "settings">): Promise<{
  /** `2026-11` */
  month: string;
  cost: number;
  budget?: { amount: number; currency: string };
}> {
  const { timezone, budget } = deps.settings;
  const month = formatMonth(await deps.store.now(), timezone);
  const [record] = await deps.store.read<KeptMonth>([workKeys.month(month)]);
  return { month, cost: record?.value.cost ?? 0, ...omitUndefined({ budget }) };
}

/** Reads all spending, by agent and project. */
export async function readAllSpending(store: Pick<Store, "scan">): Promise<KeptSpending[]> {
  return (await readAllRows<KeptSpending>({ store }, workSets.spent)).map(({ value }) => value);
}

/** Rounds an amount to a millionth, which removes the errors of binary fractions from sums. */
export function roundAmount(amount: number): number {
  return Math.round(amount * 1e6) / 1e6;
}

function formatMonth(at: Ms, timeZone: string): string {
  const parts = new Intl.DateTimeFormat("en", { timeZone, year: "numeric", month: "2-digit" }).formatToParts(at);
  const part = (type: "year" | "month") => parts.find((candidate) => candidate.type === type)?.value ?? "";
  return `${part("year")}-${part("month")}`;
}
