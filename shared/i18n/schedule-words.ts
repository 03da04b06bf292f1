/** A cron expression in words, such as "every Monday at 9:00", which `parseScheduleWords` reads back as the same one. */

import { formatTemplate, type Locale } from "./localize.ts";
import { findStep, groupRanges, type MonthDays, parseCron, type Recurrence, type WeekDay } from "./recurrence.ts";
import { getTexts } from "./texts.ts";

type Texts = ReturnType<typeof getTexts>["scheduleWords"];

/** Number of times of day that are listed: 6; more of them are described by their minutes and hours. */
const LISTED_TIMES = 6;

/** 4 January 1970 was a Sunday. */
const SUNDAY = 3;

/**
 * Describes a cron expression. One that has not five fields, so that it names seconds or years, stays as it is.
 * @returns a part of a sentence: `every Monday at 9:00`
 */
export function describeSchedule(cron: string, locale: Locale): string {
  const recurrence = parseCron(cron);
  if (!recurrence) return cron;
  const texts = getTexts(locale).scheduleWords;
  const days = describeDays(recurrence, locale, texts);
  const { minutes, hours } = recurrence;
  if (minutes.length * hours.length <= LISTED_TIMES) {
    const times = hours.flatMap((hour) => minutes.map((minute) => formatTime(texts, hour, minute)));
    return formatTemplate(texts.atTimes, { days, times: joinWords(times, texts.and) });
  }
  const times = describeInterval(recurrence, texts);
  if (recurrence.rule !== "daily") return `${days}, ${times}`;
  const months = describeMonths(recurrence, locale, texts);
  return months === undefined ? times : formatTemplate(texts.inMonths, { days: times, months });
}

/** Returns the name of a day of the week (0 is Sunday) in the middle of a sentence. */
export function getWeekDayName(locale: Locale, day: number): string {
  return new Intl.DateTimeFormat(locale, { weekday: "long", timeZone: "UTC" }).format(
    Date.UTC(1970, 0, 1 + SUNDAY + day),
  );
}

/** Returns the name of a month (1 is January) in the middle of a sentence. */
export function getMonthName(locale: Locale, month: number): string {
  return new Intl.DateTimeFormat(locale, { month: "long", timeZone: "UTC" }).format(Date.UTC(1970, month - 1, 1));
}

function describeDays(recurrence: Recurrence, locale: Locale, texts: Texts): string {
  const { rule, monthDays, weekDays } = recurrence;
  const months = describeMonths(recurrence, locale, texts);
  const inMonths = (days: string) => (months === undefined ? days : formatTemplate(texts.inMonths, { days, months }));
  if (rule === "daily") return inMonths(texts.daily);
  const nths = listNths(weekDays, locale, texts);
  const dates = listMonthDays(monthDays, texts, locale);
  if (rule === "both") {
    const names = [...listPlain(weekDays, locale, "{days}", texts), ...nths];
    const days = formatTemplate(texts.onDays, { days: joinWords(dates, texts.and) });
    return inMonths(formatTemplate(texts.both, { days, weekDays: joinWords(names, texts.or) }));
  }
  const inMonth = [...dates, ...nths];
  const onDays = formatTemplate(texts.onDays, { days: joinWords(inMonth, texts.and) });
  const plain = joinWords(listPlain(weekDays, locale, texts.weekDays, texts), texts.and);
  if (inMonth.length === 0) return inMonths(plain);
  const ofEveryMonth = formatTemplate(texts.ofEveryMonth, { days: onDays });
  if (plain !== "") return inMonths(joinWords([plain, months === undefined ? ofEveryMonth : onDays], texts.and));
  if (months === undefined) return ofEveryMonth;
  const isDate = inMonth.length === monthDays.days.length && recurrence.months.length === 1;
  return formatTemplate(isDate ? texts.date : texts.ofMonths, { days: onDays, months });
}

/** The days of every week: ranges first, then the others as one group, "every Monday and Friday". */
function listPlain(weekDays: readonly WeekDay[], locale: Locale, template: string, texts: Texts): string[] {
  const days = weekDays.flatMap(({ day, nth }) => (nth === "every" ? [day] : []));
  // The week begins on Monday, so that Saturday and Sunday are neighbours.
  const fromMonday = days.map((day) => (day + 6) % 7).sort((a, b) => a - b);
  const name = (day: number) => getWeekDayName(locale, (day + 1) % 7);
  const groups = groupRanges(fromMonday);
  const ranges = groups.filter(([from, to]) => from !== to);
  const single = groups.filter(([from, to]) => from === to).map(([day]) => name(day));
  return [
    ...ranges.map(([from, to]) => formatTemplate(texts.weekDayRange, { from: name(from), to: name(to) })),
    ...(single.length > 0 ? [formatTemplate(template, { days: joinWords(single, texts.and) })] : []),
  ];
}

function listNths(weekDays: readonly WeekDay[], locale: Locale, texts: Texts): string[] {
  return weekDays.flatMap(({ day, nth }) =>
    nth === "every"
      ? []
      : [formatTemplate(texts.nthWeekDay, { nth: texts.nths[nth], day: getWeekDayName(locale, day) })],
  );
}

function listMonthDays({ days, nearest, last, lastWorkingDay }: MonthDays, texts: Texts, locale: Locale): string[] {
  const rules = new Intl.PluralRules(locale, { type: "ordinal" });
  const toOrdinal = (n: number) => {
    const category = rules.select(n);
    const { ordinals } = texts;
    return formatTemplate(category in ordinals ? ordinals[category as keyof typeof ordinals] : ordinals.other, {
      n: String(n),
    });
  };
  return [
    ...groupRanges(days).map(([from, to]) =>
      from === to
        ? formatTemplate(texts.monthDay, { n: toOrdinal(from) })
        : formatTemplate(texts.monthDayRange, { from: toOrdinal(from), to: toOrdinal(to) }),
    ),
    ...nearest.map((day) => formatTemplate(texts.nearest, { n: toOrdinal(day) })),
    ...(last ? [texts.lastDay] : []),
    ...(lastWorkingDay ? [texts.lastWorkingDay] : []),
  ];
}

/** The months, unless they are all. */
function describeMonths({ months }: Recurrence, locale: Locale, texts: Texts): string | undefined {
  if (months.length === 12) return undefined;
  return joinWords(
    months.map((month) => getMonthName(locale, month)),
    texts.and,
  );
}

/** Times of day that are too many to be listed: "every 15 minutes from 9:00 to 17:45". */
function describeInterval({ minutes, hours }: Recurrence, texts: Texts): string {
  const minuteStep = minutes.length === 60 ? 1 : findStep(minutes, 0, 59);
  const hourStep = hours.length === 24 ? 1 : findStep(hours, 0, 23);
  const everyMinutes = minuteStep === undefined ? undefined : formatEvery(texts.everyMinute, minuteStep);
  const everyHours = hourStep === undefined ? undefined : formatEvery(texts.everyHour, hourStep);
  const isRange = groupRanges(hours).length === 1 && hours.length > 2;
  if (everyHours === undefined && isRange && (everyMinutes !== undefined || minutes.length === 1)) {
    const interval = everyMinutes ?? formatEvery(texts.everyHour, 1);
    const from = formatTime(texts, hours[0] ?? 0, minutes[0] ?? 0);
    const to = formatTime(texts, hours.at(-1) ?? 0, minutes.at(-1) ?? 0);
    return formatTemplate(texts.fromTo, { interval, from, to });
  }
  const inHours = everyHours ?? formatTemplate(texts.inHours, { hours: listRanges(hours, texts) });
  if (everyMinutes !== undefined) return hourStep === 1 ? everyMinutes : `${everyMinutes}, ${inHours}`;
  if (everyHours !== undefined && minutes.length === 1 && minutes[0] === 0) return everyHours;
  const atMinutes = minutes.length === 1 ? texts.atMinute : texts.atMinutes;
  return formatTemplate(atMinutes, { hours: inHours, minutes: listRanges(minutes, texts) });
}

function formatEvery({ single, several }: Texts["everyMinute"], n: number): string {
  return formatTemplate(n === 1 ? single : several, { n: String(n) });
}

function listRanges(values: readonly number[], texts: Texts): string {
  const ranges = groupRanges(values).map(([from, to]) =>
    from === to ? `${from}` : formatTemplate(texts.range, { from: `${from}`, to: `${to}` }),
  );
  return joinWords(ranges, texts.and);
}

function formatTime({ time }: Texts, hour: number, minute: number): string {
  return formatTemplate(time, { hour: String(hour), minute: String(minute).padStart(2, "0") });
}

/** `a, b and c` */
function joinWords(words: readonly string[], and: string): string {
  const [last = "", ...others] = [...words].reverse();
  return others.length === 0 ? last : `${others.reverse().join(", ")}${and}${last}`;
}
