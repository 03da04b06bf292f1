import type { Deps } from "../../app/deps.ts";
import { resolveLocale } from "../../i18n/locale.ts";
import { localizePercent } from "../../i18n/localize.ts";
import { formatTemplate } from "../../i18n/template.ts";
import { getTexts } from "../../i18n/texts/get-texts.ts";
import { createAnnouncementJob } from "../../jobs/outbox-jobs.ts";
import type { Commit, Put } from "../../store/port.ts";
import { toSoundExtras } from "../../telegram/message-sounds.ts";
import { toPlainText } from "../../telegram/rich-text.ts";
import { DAY, type Ms } from "../../time.ts";
import { workKeys } from "../context/work-keys.ts";
import type { Budget } from "./budget.ts";
import { formatBudget } from "./format-budget.ts";

/** Shares of the budget at which a notice is sent, in percent. */
const THRESHOLDS = [80, 100] as const;

/** Retention of the mark: 40 days, longer than the month. */
const KEPT_MS: Ms = 40 * DAY;

/** The mark of a threshold that was reached. */
interface KeptBudgetNotice {
  /** The budgets for which a notice was sent, `50 EUR`: two processes may have different settings for a while. */
  told: string[];
  /** The budget was changed since, and the share lay below the threshold again. */
  isArmed?: true;
}

/**
 * Sends a notice when spent and open estimates reach 80 and 100 % of the month's budget: once for each month and
 * threshold, over restarts and all processes. When the setting is changed so that the share is below a threshold again,
 * reaching it under the new amount is notified again. When both are reached at once, one notice is sent. True when one
 * was sent.
 */
export async function notifyBudget(
  deps: Pick<Deps, "store" | "settings" | "kick">,
  budget: Budget | undefined,
): Promise<boolean> {
  const { telegram, locale, timezone } = deps.settings;
  if (!telegram || !budget) return false;
  const { month } = budget;
  const name = `${budget.amount} ${budget.currency}`;
  const keys = THRESHOLDS.map((percent) => workKeys.budgetNotice(month, percent));
  const marks = await deps.store.read<KeptBudgetNotice>(keys);
  const expect: NonNullable<Commit["expect"]> = [];
  const put: Put[] = [];
  let reached: { percent: number; rev: number } | undefined;
  for (const [i, percent] of THRESHOLDS.entries()) {
    const [key = "", mark] = [keys[i], marks[i]];
    const isReached = budget.share * 100 >= percent;
    const { told = [], isArmed = mark === undefined } = mark?.value ?? {};
    const isOther = !told.includes(name);
    const isNew = isReached && isArmed && isOther;
    const isRearmed = !isReached && !isArmed && isOther;
    if (!isNew && !isRearmed) continue;
    expect.push([key, mark?.rev ?? 0]);
    const value: KeptBudgetNotice = isNew ? { told: [...told, name] } : { told, isArmed: true };
    put.push({ key, value, expires: KEPT_MS });
    if (isNew) reached = { percent, rev: mark?.rev ?? 0 };
  }
  if (put.length === 0) return false;
  const language = resolveLocale(locale);
  const texts = getTexts(language).telegram;
  const jobs = (reached ? [reached] : []).map(({ percent, rev }) => {
    const id = `budget:${month}:${percent}:${rev}`;
    const threshold = localizePercent(language, percent / 100);
    const text = formatTemplate(texts.digest.budgetNotice, { threshold, ...formatBudget(texts, timezone, budget) });
    const rich = toPlainText(`💶 ${text}`);
    return createAnnouncementJob(id, telegram.chat, { rich, language, ...toSoundExtras("budget") }, id);
  });
  if ((await deps.store.commit({ expect, put, jobs })) !== "kept") return false;
  if (jobs.length > 0) deps.kick();
  return jobs.length > 0;
}
