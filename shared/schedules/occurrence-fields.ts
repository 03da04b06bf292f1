/** What a schedule's words become in one occurrence: the placeholders, the due date, and the line at the end. */

import type { MissedTimes } from "../cron.ts";
import {
  formatTemplate,
  type Locale,
  type LocaleSetting,
  localizeCount,
  localizeDate,
  localizeMoment,
  localizeNumber,
  resolveLocale,
} from "../i18n/localize.ts";
import { getTexts } from "../i18n/texts.ts";
import { escapeHtml } from "../markdown/plain-text.ts";
import { DAY, type Ms, toZonedDate } from "../time.ts";
import type { Occurrence, Schedule } from "./schedule-record.ts";

/** Formats the values of `{date}`, `{week}` (ISO 8601), `{month}` and `{n}`, in the language of comments. */
export function formatPlaceholders(
  { timeZone }: Pick<Schedule, "timeZone">,
  { time, number }: Pick<Occurrence, "time" | "number">,
  setting: LocaleSetting,
): Record<string, string> {
  const locale = resolveLocale(setting);
  const day = toZonedDate(timeZone, time);
  const month = new Intl.DateTimeFormat(locale, { timeZone, month: "long", year: "numeric" }).format(time);
  return { date: localizeDate(locale, day), week: String(getIsoWeek(day)), month, n: String(number) };
}

/** The number of a day's week, by ISO 8601: the one with the year's first Thursday is 1. */
function getIsoWeek(day: string): number {
  const at = Date.parse(`${day}T00:00:00Z`);
  const thursday = new Date(at + (3 - ((new Date(at).getUTCDay() + 6) % 7)) * DAY);
  return 1 + Math.floor((thursday.getTime() - Date.UTC(thursday.getUTCFullYear(), 0, 1)) / (7 * DAY));
}

/** The due date of an occurrence, for `2d` or `1w` after its day; undefined without one. */
export function getDueDate({ rule, timeZone }: Pick<Schedule, "rule" | "timeZone">, time: Ms): string | undefined {
  const [, n, unit] = /^(\d+)([dw])$/.exec(rule.due ?? "") ?? [];
  if (n === undefined) return undefined;
  const day = Date.parse(`${toZonedDate(timeZone, time)}T00:00:00Z`);
  return new Date(day + Number(n) * (unit === "w" ? 7 : 1) * DAY).toISOString().slice(0, 10);
}

/**
 * The line at the end of an occurrence's description, as HTML: of which schedule it is which one, whether it is late,
 * and which times were missed before it.
 */
export function renderOccurrenceLine(
  { name, timeZone }: Pick<Schedule, "name" | "timeZone">,
  { time, number, isLate, isExtra, missed }: Occurrence,
  { locale }: { locale: LocaleSetting },
  now: Ms,
): string {
  const language = resolveLocale(locale);
  const { schedules } = getTexts(language);
  const values = { name: escapeHtml(name), n: localizeNumber(language, number) };
  const sentences = [
    formatTemplate(isExtra ? schedules.extra : schedules.occurrence, values),
    ...(isLate ? [formatTemplate(schedules.late, { time: localizeMoment(language, timeZone, time, now) })] : []),
    ...(missed ? [formatMissed(language, timeZone, missed, now)] : []),
  ];
  return `<p data-groundcrew-occurrence="${number}"><em>${sentences.join(" ")}</em></p>`;
}

/** `3 occurrences were missed between … and ….` */
export function formatMissed(locale: Locale, timeZone: string, { count, from, to }: MissedTimes, now: Ms): string {
  const text = localizeCount({ locale }, getTexts(locale).schedules.missed, count);
  const formatTime = (at: Ms) => localizeMoment(locale, timeZone, at, now);
  return formatTemplate(text, { from: formatTime(from), to: formatTime(to) });
}
