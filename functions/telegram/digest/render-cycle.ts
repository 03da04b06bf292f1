import { localizeDate, localizeNumber } from "../../../shared/i18n/localize.ts";
import { localizeCount } from "../../../shared/i18n/plural.ts";
import { formatTemplate } from "../../../shared/i18n/template.ts";
import type { TelegramTexts } from "../../../shared/i18n/texts/telegram-texts.ts";
import { keepDefined } from "../../../shared/keep-defined.ts";
import { joinRichText, type RichText } from "../../../shared/telegram/rich-text.ts";
import { toSafeText } from "../../../shared/telegram/safe-text.ts";
import { DAY } from "../../../shared/time.ts";
import type { CycleProgress } from "../../../shared/work/cycles/cycle-progress.ts";
import { toZonedDate } from "../../../shared/zoned-date.ts";

/** `Sprint 7 (ONB): 4 of 10 done, 6 tasks left, ends Nov 30, 2026, forecast Nov 28, 2026 (on time)` */
export function renderCycleLine(texts: TelegramTexts, progress: CycleProgress, timeZone: string): RichText {
  const { cycle, project } = progress;
  const facts = keepDefined([
    formatCycleCounts(texts, progress),
    formatCycleDates(texts, progress),
    formatCycleForecast(texts, progress, timeZone),
  ]);
  return joinRichText([
    toSafeText(cycle.name),
    " (",
    toSafeText(project.identifier, 20),
    ")",
    texts.colon,
    facts.join(", "),
  ]);
}

/** `4 of 10 done, 6 tasks left` */
export function formatCycleCounts(texts: TelegramTexts, { done, total, left }: CycleProgress): string {
  const { locale, cycles, progress } = texts;
  const counts = formatTemplate(progress, { done: localizeNumber(locale, done), total: localizeNumber(locale, total) });
  const rest = left > 0 ? localizeCount(texts, cycles.left, left) : cycles.allClosed;
  return total === 0 ? counts : `${counts}, ${rest}`;
}

/** `ends Nov 30, 2026` */
export function formatCycleDates({ locale, cycles }: TelegramTexts, { cycle }: Pick<CycleProgress, "cycle">): string {
  const { start, end, phase } = cycle;
  if (start === null || end === null) return cycles.noDates;
  if (phase === "upcoming") return formatTemplate(cycles.starts, { date: localizeDate(locale, start) });
  return formatTemplate(phase === "completed" ? cycles.ended : cycles.ends, { date: localizeDate(locale, end) });
}

/** `forecast Dec 3, 2026 (3 days late)`; undefined for a cycle that is not current or has nothing left. */
export function formatCycleForecast(
  texts: TelegramTexts,
  { cycle, left, forecast }: CycleProgress,
  timeZone: string,
): string | undefined {
  const { locale, cycles } = texts;
  if (cycle.phase !== "current" || cycle.end === null || left === 0) return undefined;
  if (!forecast) return cycles.noForecast;
  const day = toZonedDate(timeZone, forecast.at);
  const lateDays = Math.round((Date.parse(day) - Date.parse(cycle.end.slice(0, 10))) / DAY);
  const verdict = lateDays > 0 ? localizeCount(texts, cycles.late, lateDays) : cycles.onTime;
  return `${formatTemplate(cycles.forecast, { date: localizeDate(locale, day) })} (${verdict})`;
}
