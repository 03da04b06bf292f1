/**
 * What finished tasks took is recorded for estimates; from that follows what open tasks are expected to take, and how
 * the month's budget stands against what is spent and expected; people are notified at 80 and 100 percent.
 */

import {
  type ConfidenceOverTime,
  estimateFromHistory,
  type FinishedTask,
  getTaskSize,
  readConfidence,
  readFinishedTasks,
  type TaskSize,
} from "../accounting/history.ts";
import { readMonthlySpending, roundAmount, type SpendingSource } from "../accounting/spending.ts";
import { readTaskTimes, type TimeEntriesRecord, toTaskTimes } from "../accounting/time-entries.ts";
import type { Deps, StoreDeps } from "../app/deps.ts";
import { formatTemplate, localizeCount, localizeMoney, localizeMonth, localizePercent } from "../i18n/localize.ts";
import { getTexts, type TelegramTexts } from "../i18n/texts.ts";
import { createAnnouncementJob } from "../jobs/outgoing-jobs.ts";
import { keepDefined, omitUndefined } from "../omit-undefined.ts";
import { readClaims } from "../records/claim-record.ts";
import { listReadableProjects, type Task } from "../records/plane-records.ts";
import { observedSets, workKeys, workSets } from "../records/store-keys.ts";
import type { Store } from "../store/port.ts";
import { scanPages } from "../store/records.ts";
import type { ItemRecord } from "../task/snapshot.ts";
import { resolveChatLocale, toSoundExtras } from "../telegram/chat-settings.ts";
import { toPlainText } from "../telegram/rich-text.ts";
import { DAY, isRecent, MINUTE, type Ms, toZonedDate } from "../time.ts";
import { type CardRecord, readCard } from "./card-record.ts";

/** What an open task is expected to take from now on. A measure that nothing tells is absent. */
export interface TaskForecast {
  ms?: Ms;
  /** In the budget's currency. */
  cost?: number;
  size: TaskSize;
  /** The number of finished tasks of this size that its agent has. */
  finished: number;
  /** A measure comes from the estimate of the plan, because the agent has too little history. */
  isPlanned: boolean;
}

/** The sum of forecasts. */
export interface ForecastSum {
  tasks: number;
  ms?: Ms;
  cost?: number;
  /** Numbers of tasks with an estimate of the plan, without any estimate, and without one of the cost. */
  planned: number;
  unknown: number;
  withoutCost: number;
}

/** Each agent's confidence over time, as the metrics show it. */
export interface ConfidenceRecord {
  /** Store time. */
  at: Ms;
  agents: Record<string, ConfidenceOverTime>;
}

type BudgetDeps = Pick<Deps, "store" | "settings">;

/** The budget of a calendar month: what is spent and what open tasks are expected to cost, against the amount. */
export interface Budget {
  /** `2026-11` */
  month: string;
  /** Spent this month, in all and by source. */
  spent: number;
  sources: Partial<Record<SpendingSource, number>>;
  /** The part of it that agents reported, while no gateway has measured it. */
  reported?: number;
  /** Estimated cost of the agents' open tasks, without what was reported for them already. */
  open: number;
  /** Number of open tasks of agents whose cost nothing tells. */
  unknown: number;
  amount: number;
  currency: string;
  /** `(spent + open) / amount` */
  share: number;
}

/** The mark of a threshold that was reached. */
interface BudgetNoticeRecord {
  /** The budgets for which a notice was sent, `50 EUR`: two processes may have different settings for a while. */
  notifiedBudgets: string[];
  /** The budget was changed since, and the share lay below the threshold again. */
  isArmed?: true;
}

/** Retention of finished tasks: 400 days, because older ones say little about how an agent works today. */
const FINISHED_KEPT_MS: Ms = 400 * DAY;

/** Interval between readings: 10 min, because they read each agent's whole history. */
const INTERVAL_MS: Ms = 10 * MINUTE;

/** Retention of the last reading: 1 day, so that a budget that was removed from the settings is forgotten. */
const BUDGET_KEPT_MS: Ms = DAY;

/** Shares of the budget at which a notice is sent, in percent. */
const THRESHOLDS = [80, 100] as const;

/** Retention of the mark: 40 days, longer than the month. */
const NOTICE_KEPT_MS: Ms = 40 * DAY;

/**
 * Creates a function that forecasts open tasks from the history of their agents, and from the estimates of the plan
 * where there is too little. What is spent on a task already is subtracted. Each agent's history is read once.
 */
export function createForecaster(deps: StoreDeps) {
  const histories = new Map<string, Promise<FinishedTask[]>>();
  const readHistory = (agent: string) => {
    const history = histories.get(agent) ?? readFinishedTasks(deps, agent);
    histories.set(agent, history);
    return history;
  };
  return async (items: readonly ItemRecord[], agent?: string): Promise<TaskForecast[]> => {
    const ids = items.map(({ snapshot }) => snapshot.id);
    const [cards, times, claims, now] = await Promise.all([
      deps.store.read<CardRecord>(ids.map(workKeys.card)),
      deps.store.read<TimeEntriesRecord>(ids.map(workKeys.time)),
      readClaims(deps, ids),
      deps.store.now(),
    ]);
    return Promise.all(
      items.map(async ({ owners, snapshot }, i) => {
        const by = agent ?? claims[i]?.value.agent ?? owners?.[0];
        const size = getTaskSize(snapshot);
        const history = estimateFromHistory(by === undefined ? [] : await readHistory(by), size);
        const card = cards[i]?.value;
        const { spent } = toTaskTimes(times[i]?.value, claims[i]?.value, now);
        const ms = history.ms ?? card?.estimate?.ms;
        const cost = history.cost ?? card?.estimate?.cost;
        return {
          ...omitUndefined({
            ms: ms === undefined ? undefined : Math.max(0, ms - spent),
            cost: cost === undefined ? undefined : Math.max(0, roundAmount(cost - (card?.cost ?? 0))),
          }),
          size,
          finished: history.from,
          isPlanned: ms !== history.ms || cost !== history.cost,
        };
      }),
    );
  };
}

/** Forecasts the open ones of these tasks; a task in review is done as far as its agent is concerned. */
export async function forecastTasks(deps: StoreDeps, items: readonly ItemRecord[]): Promise<ForecastSum> {
  return sumForecasts(await createForecaster(deps)(items.filter(({ review }) => !review)));
}

export function sumForecasts(forecasts: readonly TaskForecast[]): ForecastSum {
  const sum = (measure: "ms" | "cost") => {
    const values = forecasts.flatMap((forecast) => forecast[measure] ?? []);
    return values.length === 0 ? undefined : roundAmount(values.reduce((total, value) => total + value, 0));
  };
  const count = (matches: (forecast: TaskForecast) => boolean) => forecasts.filter(matches).length;
  return {
    tasks: forecasts.length,
    ...omitUndefined({ ms: sum("ms"), cost: sum("cost") }),
    planned: count(({ isPlanned }) => isPlanned),
    unknown: count(({ ms, cost }) => ms === undefined && cost === undefined),
    withoutCost: count(({ cost }) => cost === undefined),
  };
}

/**
 * Reads the month's budget; undefined when none is set. The open tasks of all projects are read from the store, so the
 * page and the metrics, which ask often, use what the tick has stored: `readStoredBudget`.
 */
export async function readBudget(deps: BudgetDeps): Promise<Budget | undefined> {
  const { month, cost: spent, sources, reported, budget } = await readMonthlySpending(deps);
  if (!budget) return undefined;
  const { cost: open = 0, withoutCost: unknown } = sumForecasts(await forecastAgentTasks(deps));
  const { amount, currency } = budget;
  const share = roundAmount((spent + open) / amount);
  return { month, spent, sources, reported, open, unknown, amount, currency, share };
}

/** Forecasts all open tasks that have an agent or an estimate. People's tasks cost nothing here. */
async function forecastAgentTasks(deps: BudgetDeps): Promise<TaskForecast[]> {
  const forecast = createForecaster(deps);
  const forecasts: TaskForecast[] = [];
  for (const project of await listReadableProjects(deps)) {
    for await (const rows of scanPages<ItemRecord>(deps, observedSets.open(project.id))) {
      const items = rows.map(({ value }) => value).filter(({ review, snapshot }) => !review && !snapshot.quiet);
      const results = await forecast(items);
      forecasts.push(...results.filter(({ isPlanned }, i) => isPlanned || (items[i]?.owners?.length ?? 0) > 0));
    }
  }
  return forecasts;
}

/** Reads the budget and stores it for those that ask often. */
export async function refreshBudget(deps: BudgetDeps): Promise<Budget | undefined> {
  const budget = await readBudget(deps);
  const [stored] = await deps.store.read<Budget>([workKeys.budget]);
  if (!budget && !stored) return undefined;
  await deps.store.commit({ put: [{ key: workKeys.budget, value: budget, expires: BUDGET_KEPT_MS }] });
  return budget;
}

/**
 * Sends a notice when spent and open estimates reach 80 and 100 % of the month's budget: once for each month and
 * threshold, over restarts and all processes. When the setting is changed so that the share is below a threshold again,
 * reaching it under the new amount is notified again. When both are reached at once, one notice is sent. True when one
 * was sent.
 */
export async function notifyBudget(deps: Pick<Deps, "store" | "settings" | "notify">, budget: Budget | undefined) {
  const { telegram, timezone } = deps.settings;
  if (!telegram || !budget) return false;
  const { month } = budget;
  const name = `${budget.amount} ${budget.currency}`;
  const marks = await deps.store.read<BudgetNoticeRecord>(
    THRESHOLDS.map((percent) => workKeys.budgetNotice(month, percent)),
  );
  const changes = THRESHOLDS.flatMap((percent, i) => {
    const mark = marks[i];
    const isReached = budget.share * 100 >= percent;
    const { notifiedBudgets = [], isArmed = mark === undefined } = mark?.value ?? {};
    // A notice is sent when the mark is armed, and a mark is armed below its threshold, for another budget only.
    if (isReached !== isArmed || notifiedBudgets.includes(name)) return [];
    const value: BudgetNoticeRecord = isReached
      ? { notifiedBudgets: [...notifiedBudgets, name] }
      : { notifiedBudgets, isArmed: true };
    return [{ key: workKeys.budgetNotice(month, percent), rev: mark?.rev ?? 0, value, percent, isReached }];
  });
  if (changes.length === 0) return false;
  const reached = changes.findLast(({ isReached }) => isReached);
  const language = resolveChatLocale(deps.settings, telegram.chat);
  const texts = getTexts(language).telegram;
  const jobs = keepDefined([reached]).map(({ percent, rev }) => {
    const values = { threshold: localizePercent(language, percent / 100), ...formatBudget(texts, timezone, budget) };
    const rich = toPlainText(`💶 ${formatTemplate(texts.digest.budgetNotice, values)}`);
    const id = `budget:${month}:${percent}:${rev}`;
    return createAnnouncementJob(id, telegram.chat, { rich, language, ...toSoundExtras("budget") }, id);
  });
  const outcome = await deps.store.commit({
    expect: changes.map(({ key, rev }) => [key, rev]),
    put: changes.map(({ key, value }) => ({ key, value, expires: NOTICE_KEPT_MS })),
    jobs,
  });
  if (outcome !== "committed" || !reached) return false;
  deps.notify();
  return true;
}

/** Records the time and cost of a finished task for estimates. Finishing a task again replaces its record. */
export async function recordFinishedTask(deps: Pick<Deps, "store" | "settings">, task: Task, agent: string) {
  const [card, { totals }] = await Promise.all([readCard(deps, task.id), readTaskTimes(deps, task.id)]);
  const at = await deps.store.now();
  const value: FinishedTask = {
    ...{ task: task.key, agent, project: task.project.identifier, size: getTaskSize(task.item.snapshot), at },
    ...omitUndefined({ ms: totals[agent] || undefined, cost: card?.costs?.[agent], confidence: card?.confidence }),
  };
  const sets = [workSets.finishedBy(agent), workSets.finishedOn(agent, toZonedDate(deps.settings.timezone, at))];
  await deps.store.commit({ put: [{ key: workKeys.finished(task.id), value, sets, expires: FINISHED_KEPT_MS }] });
}

/** Stores each agent's confidence for the metrics, unless that was done a moment ago. */
export async function refreshConfidence(deps: Pick<Deps, "store" | "settings">): Promise<void> {
  const [stored] = await deps.store.read<ConfidenceRecord>([workKeys.confidence]);
  const now = await deps.store.now();
  if (stored && isRecent(stored.value.at, INTERVAL_MS, now)) return;
  const agents: ConfidenceRecord["agents"] = {};
  for (const { name } of deps.settings.agents) agents[name] = await readConfidence(deps, name);
  const value: ConfidenceRecord = { at: now, agents };
  await deps.store.commit({ put: [{ key: workKeys.confidence, value, expires: DAY }] });
}

/** Reads the budget as of the last run of its tick, at most a minute or two ago; undefined when there is none. */
export async function readStoredBudget({ store }: { store: Pick<Store, "read"> }): Promise<Budget | undefined> {
  return (await store.read<Budget>([workKeys.budget]))[0]?.value;
}

/** The parts of every sentence about the budget, in the language of these texts; `missing` is "" or starts with ", ". */
export function formatBudget(
  texts: TelegramTexts,
  timeZone: string,
  { month, spent, reported = 0, open, unknown, amount, currency, share }: Omit<Budget, "sources">,
): Record<"month" | "spent" | "open" | "budget" | "percent" | "missing", string> {
  const money = (value: number) => localizeMoney(texts.locale, roundAmount(value), currency);
  return {
    month: localizeMonth(texts.locale, timeZone, Date.parse(`${month}-15T12:00:00Z`)),
    spent: money(spent),
    open: money(open),
    budget: money(amount),
    percent: localizePercent(texts.locale, share),
    missing: [
      unknown > 0 ? `, ${localizeCount(texts, texts.digest.withoutEstimate, unknown)}` : "",
      reported > 0 ? `, ${formatTemplate(texts.digest.reported, { cost: money(reported) })}` : "",
    ].join(""),
  };
}
