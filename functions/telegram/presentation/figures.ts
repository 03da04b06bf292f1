/** Figures of work in messages: forecasts, the budget, confidence and cycles. */

import type { ConfidenceOverTime } from "../../../shared/accounting/history.ts";
import { formatTemplate } from "../../../shared/i18n/localize.ts";
import { keepDefined } from "../../../shared/omit-undefined.ts";
import type { CycleProgress } from "../../../shared/sync/cycles.ts";
import { type Budget, type ForecastSum, formatBudget } from "../../../shared/tasks/forecast.ts";
import { joinRichText, type RichText, toPlainText, toSafeText } from "../../../shared/telegram/rich-text.ts";
import { DAY, toZonedDate } from "../../../shared/time.ts";
import { fillTemplate, formatEffort, formatProgress, type Presentation } from "./presentation.ts";

/** `🔮 Forecast for open tasks: about 6 hr, €4.10, not enough data for 2 tasks`; undefined when nothing is known. */
export function renderForecastLine(
  presentation: Presentation,
  { ms, cost, unknown }: ForecastSum,
): RichText | undefined {
  const { texts, format } = presentation;
  const { digest, colon } = texts;
  const what = formatEffort(presentation, ms, cost).join(", ");
  if (what === "") return undefined;
  const missing = unknown > 0 ? `, ${format.count(digest.tooLittleDataFor, unknown)}` : "";
  return toPlainText(`🔮 ${digest.forecastLabel}${colon}${formatTemplate(digest.estimate, { what })}${missing}`);
}

/** `💶 Budget for November: €5.00 spent + €3.00 estimated for open tasks, of €50.00 (16%)` */
export function renderBudgetLine({ texts, timezone }: Presentation, budget: Budget): RichText {
  const { digest, colon } = texts;
  const values = formatBudget(texts, timezone, budget);
  return fillTemplate(`💶 ${digest.budgetLabel}${colon}${digest.ofBudget}`, values);
}

/** `84% in the last 7 days, 88% in the last 30 days`; undefined when no task had a confidence. */
export function formatConfidence({ texts, format }: Presentation, confidence: ConfidenceOverTime): string | undefined {
  const parts = (["week", "month", "before"] as const).flatMap((period) => {
    const mean = confidence[period];
    if (mean === undefined) return [];
    return formatTemplate(texts.answers.confidenceOver[period], { percent: format.percent(mean) });
  });
  return parts.length === 0 ? undefined : parts.join(", ");
}

/** `Sprint 7 (ONB): 4 of 10 done, 6 tasks left, ends Nov 30, 2026, forecast Nov 28, 2026 (on time)` */
export function renderCycleLine(presentation: Presentation, progress: CycleProgress): RichText {
  const { cycle, project } = progress;
  const facts = keepDefined([
    formatCycleCounts(presentation, progress),
    formatCycleDates(presentation, progress),
    formatCycleForecast(presentation, progress),
  ]);
  const name = [toSafeText(cycle.name), " (", toSafeText(project.identifier, 20), ")"];
  return joinRichText([...name, presentation.texts.colon, facts.join(", ")]);
}

/** `4 of 10 done, 6 tasks left` */
export function formatCycleCounts(presentation: Presentation, { done, total, left }: CycleProgress): string {
  const { cycles } = presentation.texts;
  const rest = left > 0 ? presentation.format.count(cycles.left, left) : cycles.allClosed;
  return [formatProgress(presentation, done, total), ...(total === 0 ? [] : [rest])].join(", ");
}

/** `ends Nov 30, 2026` */
export function formatCycleDates({ texts, format }: Presentation, { cycle }: Pick<CycleProgress, "cycle">): string {
  const { starts, ends, ended, noDates } = texts.cycles;
  const { start, end, phase } = cycle;
  if (start === null || end === null) return noDates;
  if (phase === "upcoming") return formatTemplate(starts, { date: format.date(start) });
  return formatTemplate(phase === "completed" ? ended : ends, { date: format.date(end) });
}

/** `forecast Dec 3, 2026 (3 days late)`; undefined for a cycle that is not current or has nothing left. */
export function formatCycleForecast(
  { texts, format, timezone }: Presentation,
  { cycle, left, forecast }: CycleProgress,
): string | undefined {
  const { cycles } = texts;
  if (cycle.phase !== "current" || cycle.end === null || left === 0) return undefined;
  if (!forecast) return cycles.noForecast;
  const day = toZonedDate(timezone, forecast.at);
  const lateDays = Math.round((Date.parse(day) - Date.parse(cycle.end.slice(0, 10))) / DAY);
  const verdict = lateDays > 0 ? format.count(cycles.late, lateDays) : cycles.onTime;
  return `${formatTemplate(cycles.forecast, { date: format.date(day) })} (${verdict})`;
}
