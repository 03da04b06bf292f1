import { localizeDuration, localizeMoney, localizePercent } from "../../../shared/i18n/localize.ts";
import { localizeCount } from "../../../shared/i18n/plural.ts";
import { formatTemplate } from "../../../shared/i18n/template.ts";
import type { TelegramTexts } from "../../../shared/i18n/texts/telegram-texts.ts";
import { keepDefined } from "../../../shared/keep-defined.ts";
import { type RichText, toPlainText } from "../../../shared/telegram/rich-text.ts";
import type { Budget } from "../../../shared/work/forecast/budget.ts";
import type { ForecastSum } from "../../../shared/work/forecast/forecast-tasks.ts";
import { formatBudget } from "../../../shared/work/forecast/format-budget.ts";
import type { ConfidenceOverTime } from "../../../shared/work/time/finished-tasks.ts";

/** `🔮 Forecast for open tasks: about 6 hr, €4.10, not enough data for 2 tasks`; undefined when nothing is known. */
export function renderForecastLine(
  texts: TelegramTexts,
  { ms, cost, unknown }: ForecastSum,
  currency: string | undefined,
): RichText | undefined {
  const { digest, locale, colon } = texts;
  const amounts = keepDefined([
    ms === undefined ? undefined : localizeDuration(locale, ms),
    cost === undefined ? undefined : localizeMoney(locale, cost, currency),
  ]).join(", ");
  if (amounts === "") return undefined;
  const missing = unknown > 0 ? `, ${localizeCount(texts, digest.tooLittleDataFor, unknown)}` : "";
  return toPlainText(
    `🔮 ${digest.forecastLabel}${colon}${formatTemplate(digest.estimate, { what: amounts })}${missing}`,
  );
}

/** `💶 Budget for November: €5.00 spent + €3.00 estimated for open tasks, of €50.00 (16%)` */
export function renderBudgetLine(texts: TelegramTexts, timeZone: string, budget: Budget): RichText {
  const { digest, colon } = texts;
  const values = formatBudget(texts, timeZone, budget);
  return toPlainText(
    `💶 ${formatTemplate(digest.budgetLabel, values)}${colon}${formatTemplate(digest.ofBudget, values)}`,
  );
}

/** `84% in the last 7 days, 88% in the last 30 days`; undefined when no task had a confidence. */
export function formatConfidence(
  { answers, locale }: TelegramTexts,
  confidence: ConfidenceOverTime,
): string | undefined {
  const parts = (["week", "month", "before"] as const).flatMap((period) => {
    const mean = confidence[period];
    const percent = mean === undefined ? undefined : localizePercent(locale, mean);
    return percent === undefined ? [] : [formatTemplate(answers.confidenceOver[period], { percent })];
  });
  return parts.length === 0 ? undefined : parts.join(", ");
}
