import { localizeMoney, localizeMonth, localizePercent } from "../../i18n/localize.ts";
import { localizeCount } from "../../i18n/plural.ts";
import type { TelegramTexts } from "../../i18n/texts/telegram-texts.ts";
import { roundAmount } from "../time/spending.ts";
import type { Budget } from "./budget.ts";

/** The parts of every sentence about the budget, in the language of these texts; `missing` is "" or starts with ", ". */
export function formatBudget(
  texts: TelegramTexts,
  timeZone: string,
  { month, spent, open, unknown, amount, currency, share }: Omit<Budget, "sources">,
): Record<"month" | "spent" | "open" | "budget" | "percent" | "missing", string> {
  const money = (value: number) => localizeMoney(texts.locale, roundAmount(value), currency);
  return {
    month: localizeMonth(texts.locale, timeZone, Date.parse(`${month}-15T12:00:00Z`)),
    spent: money(spent),
    open: money(open),
    budget: money(amount),
    percent: localizePercent(texts.locale, share),
    missing: unknown > 0 ? `, ${localizeCount(texts, texts.digest.withoutEstimate, unknown)}` : "",
  };
}
