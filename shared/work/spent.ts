import type { Deps } from "../deps.ts";
import type { Commit, Ms, Store } from "../store/port.ts";
import { all } from "../store/walk.ts";
import type { Task } from "./find.ts";
import { workKeys, workSets } from "./keys.ts";

/** What an agent has spent in a project since the store began; neither number ever gets smaller. */
export interface KeptSpent {
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

interface More {
  /** Time of a timer that was stopped. */
  ms?: Ms;
  /** Cost never counted before. */
  counted?: number;
  /** By how much the cost reported of a task differs from what was reported before: less, when a report was mended. */
  cost?: number;
}

/** A month's sum is of use for a comparison with the year before. */
const MONTH_KEPT_MS: Ms = 400 * 86_400_000;

/** What keeps this, in the commit that keeps what it comes from: so it is counted once. */
export async function spending(
  deps: Pick<Deps, "store" | "settings">,
  { project }: Pick<Task, "project">,
  agent: string,
  { ms = 0, counted = 0, cost = 0 }: More,
): Promise<Required<Pick<Commit, "expect" | "put">>> {
  const changes: Required<Pick<Commit, "expect" | "put">> = { expect: [], put: [] };
  if (ms > 0 || counted > 0) {
    const key = workKeys.spent(agent, project.id);
    const [kept] = await deps.store.read<KeptSpent>([key]);
    const before = kept?.value ?? { ms: 0, cost: 0 };
    const value: KeptSpent = {
      agent,
      project: project.identifier,
      ms: before.ms + ms,
      cost: exact(before.cost + counted),
    };
    changes.expect.push([key, kept?.rev ?? 0]);
    changes.put.push({ key, value, sets: [workSets.spent] });
  }
  if (cost !== 0) {
    const key = workKeys.month(monthOf(await deps.store.now(), deps.settings.timezone));
    const [kept] = await deps.store.read<KeptMonth>([key]);
    const value: KeptMonth = { cost: Math.max(0, exact((kept?.value.cost ?? 0) + cost)) };
    changes.expect.push([key, kept?.rev ?? 0]);
    changes.put.push({ key, value, expires: MONTH_KEPT_MS });
  }
  return changes;
}

/**
 * What agents have reported as spent in this calendar month (store time, in the time zone of the settings), beside the
 * budget. A cost belongs to the month it was reported in.
 */
export async function spentThisMonth(deps: Pick<Deps, "store" | "settings">): Promise<{
  /** `2026-11` */
  month: string;
  cost: number;
  budget?: { amount: number; currency: string };
}> {
  const { timezone, budget } = deps.settings;
  const month = monthOf(await deps.store.now(), timezone);
  const [kept] = await deps.store.read<KeptMonth>([workKeys.month(month)]);
  return { month, cost: kept?.value.cost ?? 0, ...(budget && { budget }) };
}

/** Everything spent, by agent and project. */
export async function allSpent(store: Pick<Store, "scan">): Promise<KeptSpent[]> {
  return (await all<KeptSpent>({ store }, workSets.spent)).map(({ value }) => value);
}

/** Sums of decimal fractions without what binary ones add to them; to a millionth. */
export function exact(amount: number): number {
  return Math.round(amount * 1e6) / 1e6;
}

function monthOf(at: Ms, timeZone: string): string {
  const parts = new Intl.DateTimeFormat("en", { timeZone, year: "numeric", month: "2-digit" }).formatToParts(at);
  const part = (type: "year" | "month") => parts.find((one) => one.type === type)?.value ?? "";
  return `${part("year")}-${part("month")}`;
}
