/**
 * A schedule in a person's words, English or French, as a cron expression: "every monday 9:00", "le 1er de chaque mois
 * à 8h". What follows it is left for the caller. What cannot be said exactly by a cron expression is refused.
 */

import { findNextTime } from "../cron.ts";
import { cleanLine } from "../text.ts";
import { formatTemplate, LOCALES, type Locale } from "./localize.ts";
import { EVERY_DAY, formatCron, listNumbers, parseCron, type Recurrence } from "./recurrence.ts";
import { getMonthName, getWeekDayName } from "./schedule-words.ts";
import { getTexts } from "./texts.ts";
import {
  attempt,
  type Cursor,
  isNext,
  NUMBER,
  readItems,
  readNumber,
  readOtherItems,
  takeWord,
  toPattern,
} from "./word-cursor.ts";

/**
 * Why words are no schedule: no form fits them; cron cannot count what they say ("every 2 weeks"); its times of day
 * would need two cron expressions (9:00 and 14:30); it never comes (30 February).
 */
export type ScheduleProblem = "unclear" | "uncountable" | "several" | "never";

/** Words that are no schedule, and why. */
export interface RefusedWords {
  problem: ScheduleProblem;
  words: string;
}

export type ParsedSchedule = { cron: string; rest: string } | RefusedWords;

/** What has been read so far. */
interface Draft {
  unit?: "day" | "week" | "month" | "year";
  days?: Pick<Recurrence, "rule" | "monthDays" | "weekDays">;
  months?: number[];
  /** Minutes of the day. */
  times?: number[];
  minutes?: number[];
  hours?: number[];
  range?: { from: number; to: number };
}

/** Reads one part of the words; false when it is not there. Thrown is why it can never be a schedule. */
type Clause = (cursor: Cursor, draft: Draft) => boolean;

class Unsayable extends Error {
  readonly problem: ScheduleProblem;

  constructor(problem: ScheduleProblem) {
    super(problem);
    this.problem = problem;
  }
}

/** Time of day when none is said: 9:00, when most people begin to work. It is read back before it counts. */
const DEFAULT_TIME = 9 * 60;

/** Length of the words that are read: 500 characters; the longest description of a schedule has fewer. */
const MAX_WORDS = 500;

/** Limit of the words that a refusal quotes, in UTF-16 units. */
const MAX_QUOTE = 120;

const NTHS = [
  "first|premiers?|premieres?",
  "second|deuxiemes?|seconde?",
  "third|troisiemes?",
  "fourth|quatriemes?",
  "fifth|cinquiemes?",
  "last|derniers?|dernieres?",
] as const;

const EVERY = toPattern("every|each|chaque|tous les|toutes les");
const ARTICLE = toPattern("the|le|la|les");
const ON = toPattern("on|on the");
const AND = toPattern("and|et|&");
const UNCOUNTABLE = toPattern(
  "every fortnight|fortnightly|bi-?weekly|tous les quinze jours|une? \\p{L}+ sur (?:deux|trois|quatre|[2-9])",
);
const AND_OR = toPattern("and|et|&|or|ou");
const IF = toPattern("(?:if it is|if it's|only on)(?: an?)?|(?:si c['’]est|seulement)(?: une?)?");
const AT = toPattern("at|a|@");
const FROM = toPattern("from|between|de|du|entre");
/** Not "du", which begins days: "du 2 au 4". */
const FROM_TIME = toPattern("from|between|de|entre");
const TO = toPattern("to|until|till|and|through|a|au|et|-|–");
const OF = toPattern("of|in|de|en|du|of the");
const OF_EVERY_MONTH = toPattern("(?:of|in|de|du) (?:(?:the|every|each|chaque) )?(?:month|mois)");
const UNITS = {
  minute: toPattern("minutes?"),
  hour: toPattern("hours?|heures?"),
  day: toPattern("days?|jours?"),
  week: toPattern("weeks?|semaines?"),
  month: toPattern("months?|mois"),
  quarter: toPattern("quarters?|trimestres?"),
  year: toPattern("years?|ans?|annees?"),
};
/** Whole forms of one word, with the words that they stand for. */
const SHORT_FORMS = [
  ["hourly", "every hour"],
  ["daily", "every day"],
  ["weekly", "every week"],
  ["monthly", "every month"],
  ["yearly|annually", "every year"],
] as const;
const WORKING_DAYS = toPattern(
  "weekdays?|working days?|workdays?|business days?|jours? (?:ouvres?|de (?:la )?semaine)",
);
const WEEKEND = toPattern("weekends?|week-ends?");
const NEAREST = toPattern("nearest(?: to)?(?: the)?|closest to(?: the)?|les? plus proches? (?:du|de)");
const MONTH_DAY = toPattern("([0-9]{1,2})(?:st|nd|rd|th|ers?|eres?|e|eme)");
const TIME = toPattern("([0-9]{1,2})(?:[:.]([0-9]{2})| ?h ?([0-9]{2})?)(?: ?(a|p)\\.?m\\.?)?");
const TIME_12 = toPattern("([0-9]{1,2}) ?(a|p)\\.?m\\.?");
const NOON = toPattern("noon|midday|midi");
const MIDNIGHT = toPattern("midnight|minuit");
const AT_MINUTES = toPattern("at minutes?|a la minute|aux minutes");
const IN_HOURS = toPattern("in the hours?|during the hours?|pendant (?:les heures|l['’]heure)");
const WEEK_DAYS = listNames(getWeekDayName, listNumbers(0, 6), /^(?:mon|tues?|wed|thu|fri|sat|sun)/i);
const MONTHS = listNames(getMonthName, listNumbers(1, 12), /^(?:jan|feb|apr|jun|jul|aug|sept?|oct|nov|dec)/i);

function listNames(getName: (locale: Locale, n: number) => string, numbers: number[], short: RegExp) {
  return numbers.map((n) => {
    const names = LOCALES.map((locale) => getName(locale, n).normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase());
    const abbreviation = short.exec(names[0] ?? "")?.[0];
    const all = [...names.map((name) => `${name}s?`), ...(abbreviation === undefined ? [] : [`${abbreviation}\\.?`])];
    return { n, pattern: toPattern(all.join("|")) };
  });
}

/**
 * Parses the schedule that a text begins with: words, or a cron expression with five fields. The rest is what follows
 * it, without the blanks and marks between them.
 */
export function parseScheduleWords(text: string): ParsedSchedule {
  const written = text.normalize("NFC").trim();
  const [fields = ""] = /^(?:[\d*?,/LW#+A-Z-]+\s+){4}[\d*?,/LW#+A-Z-]+(?!\S)/i.exec(written.slice(0, MAX_WORDS)) ?? [];
  try {
    if (fields !== "" && parseCron(fields)) return finish(fields.replace(/\s+/g, " "), written, fields.length);
    const cursor = { text: written, at: 0 };
    const recurrence = readRecurrence(cursor);
    return finish(formatCron(recurrence), written, cursor.at);
  } catch (thrown) {
    if (thrown instanceof Unsayable) return { problem: thrown.problem, words: written };
    throw thrown;
  }

  function finish(cron: string, all: string, end: number): ParsedSchedule {
    if (findNextTime({ cron, timeZone: "UTC" }, 0) === undefined) throw new Unsayable("never");
    return { cron, rest: all.slice(end).replace(/^[\s,.:;–—-]+/, "") };
  }
}

/** Why words are no schedule, with the forms that are, as people read it. */
export function explainRefusedWords({ problem, words }: RefusedWords, locale: Locale): string {
  const { problems, forms } = getTexts(locale).schedules;
  return `${formatTemplate(problems[problem], { words: cleanLine(words, MAX_QUOTE) })}\n${forms}`;
}

/** Words with which a command may begin that says when something recurs: `/every monday 9:00`, `/le 1er du mois`. */
export const SCHEDULE_COMMANDS = ["every", "each", "chaque", "tous", "toutes", "le"] as const;

const COMMAND = new RegExp(`^\\s*/(?:${SCHEDULE_COMMANDS.join("|")})(?![\\p{L}\\p{N}_])([\\s\\S]*)`, "iu");

/** Finds what follows the command in a text such as `/every monday 9:00`; undefined in any other text. */
export function findScheduleCommand(text: string): string | undefined {
  return COMMAND.exec(text)?.[1]?.trim();
}

/** Parses what follows one of the commands: each begins the words of a schedule, or stands before them. */
export function parseScheduleCommand(args: string): ParsedSchedule {
  const attempts = ["", ...SCHEDULE_COMMANDS].map((word) => parseScheduleWords(`${word} ${args}`));
  const found = attempts.find((attempt) => "cron" in attempt || attempt.problem !== "unclear");
  return found && "cron" in found ? found : { problem: found?.problem ?? "unclear", words: args };
}

function readRecurrence(cursor: Cursor): Recurrence {
  const draft: Draft = {};
  while (cursor.at < MAX_WORDS && CLAUSES.some((clause) => tryClause(clause, cursor, draft)));
  return toRecurrence(draft);
}

function tryClause(clause: Clause, cursor: Cursor, draft: Draft): boolean {
  const start = cursor.at;
  if (clause(cursor, draft)) return true;
  cursor.at = start;
  return false;
}

/** The parts of a schedule; the first one that is found at the cursor is read. */
const CLAUSES: readonly Clause[] = [
  readInterval,
  readTimeRange,
  readMinutes,
  readHours,
  readTimes,
  readDayOfMonth,
  readDays,
  readCondition,
  readMonths,
];

function toRecurrence(draft: Draft): Recurrence {
  const { unit, months, times, range } = draft;
  const isInterval = draft.minutes !== undefined || draft.hours !== undefined;
  if (!unit && !draft.days && !isInterval) throw new Unsayable("unclear");
  if (isInterval ? times : range) throw new Unsayable("unclear");
  if (unit === "year" && draft.days && !months) throw new Unsayable("unclear");
  return {
    ...(draft.days ?? getDefaultDays(unit)),
    months: months ?? (unit === "year" ? [1] : listNumbers(1, 12)),
    ...(isInterval ? toInterval(draft) : toTimes(times)),
  };
}

function getDefaultDays(unit: Draft["unit"]): typeof EVERY_DAY {
  if (unit === "week") return { ...EVERY_DAY, rule: "week_days", weekDays: [{ day: 1, nth: "every" }] };
  if (unit === "month" || unit === "year")
    return { ...EVERY_DAY, rule: "month_days", monthDays: { ...EVERY_DAY.monthDays, days: [1] } };
  return EVERY_DAY;
}

/** All combinations of the hours and the minutes must be meant, because that is what a cron expression says. */
function toTimes(times: readonly number[] = [DEFAULT_TIME]): Pick<Recurrence, "minutes" | "hours"> {
  const minutes = sortUnique(times.map((time) => time % 60));
  const hours = sortUnique(times.map((time) => Math.floor(time / 60)));
  if (new Set(times).size !== minutes.length * hours.length) throw new Unsayable("several");
  return { minutes, hours };
}

function toInterval({ minutes, hours, range }: Draft): Pick<Recurrence, "minutes" | "hours"> {
  if (!range) return { minutes: minutes ?? [0], hours: hours ?? listNumbers(0, 23) };
  const [first, last] = [Math.floor(range.from / 60), Math.floor(range.to / 60)];
  // "Every hour from 9:30 to 17:30"; "every 15 minutes from 9:00 to 17:45": the ends are the first and last times.
  const all = minutes ?? [range.from % 60];
  if (hours && hours.length < 24) throw new Unsayable("unclear");
  if (first > last || all[0] !== range.from % 60 || all.at(-1) !== range.to % 60) throw new Unsayable("several");
  return { minutes: all, hours: listNumbers(first, last) };
}

const sortUnique = (values: readonly number[]) => [...new Set(values)].sort((a, b) => a - b);

/** "every 15 minutes", "every 2 hours", "chaque jour", "every 3 months" */
function readInterval(cursor: Cursor, draft: Draft): boolean {
  if (takeWord(cursor, UNCOUNTABLE)) throw new Unsayable("uncountable");
  const short = SHORT_FORMS.find(([word]) => takeWord(cursor, toPattern(word)));
  if (short) return readInterval({ text: short[1], at: 0 }, draft);
  if (!takeWord(cursor, EVERY)) return false;
  const n = readNumber(cursor) ?? 1;
  if (n === 1 && isNext(cursor, WORKING_DAYS)) return false;
  const unit = Object.entries(UNITS).find(([, pattern]) => takeWord(cursor, pattern))?.[0] as
    | keyof typeof UNITS
    | undefined;
  if (unit === undefined) {
    // "Every 2 Mondays", "every other Friday".
    if (n > 1 && readWeekDayName(cursor) !== undefined) throw new Unsayable("uncountable");
    return false;
  }
  if (unit === "minute" || unit === "hour") {
    const field = unit === "minute" ? "minutes" : "hours";
    const size = unit === "minute" ? 60 : 24;
    if (draft[field]) return false;
    draft[field] = listNumbers(0, size - 1, divide(size, n));
    return true;
  }
  if (draft.unit) return false;
  if (unit === "month" || unit === "quarter") {
    const step = divide(12, n * (unit === "quarter" ? 3 : 1));
    if (step > 1) draft.months = listNumbers(1, 12, step);
    draft.unit = "month";
    return true;
  }
  if (n > 1) throw new Unsayable("uncountable");
  draft.unit = unit;
  return true;
}

/** cron begins to count anew with each hour, day and year, so only a divisor of it always leaves the same interval. */
function divide(size: number, n: number): number {
  if (n < 1 || size % n !== 0) throw new Unsayable("uncountable");
  return n;
}

/** "from 9:00 to 17:00" */
function readTimeRange(cursor: Cursor, draft: Draft): boolean {
  if (draft.range || !takeWord(cursor, FROM_TIME)) return false;
  const from = readTime(cursor, true);
  const to = from === undefined || !takeWord(cursor, TO) ? undefined : readTime(cursor, true);
  if (from === undefined || to === undefined) return false;
  draft.range = { from, to };
  return true;
}

/** "at minutes 5 and 20 to 30" */
function readMinutes(cursor: Cursor, draft: Draft): boolean {
  const minutes = takeWord(cursor, AT_MINUTES) && !draft.minutes ? readNumbers(cursor, 59) : [];
  if (minutes.length === 0) return false;
  draft.minutes = minutes;
  return true;
}

/** "in the hours 9 to 12 and 14" */
function readHours(cursor: Cursor, draft: Draft): boolean {
  const hours = takeWord(cursor, IN_HOURS) && !draft.hours ? readNumbers(cursor, 23) : [];
  if (hours.length === 0) return false;
  draft.hours = hours;
  return true;
}

function readNumbers(cursor: Cursor, last: number): number[] {
  return sortUnique(
    readItems(cursor, AND, () => {
      const from = readNumber(cursor);
      const to =
        from === undefined
          ? undefined
          : attempt(cursor, () => (takeWord(cursor, TO_NUMBER) ? readNumber(cursor) : undefined));
      if (from === undefined || from > last || (to !== undefined && (to > last || to < from))) return undefined;
      return to === undefined ? [from] : listNumbers(from, to);
    }),
  );
}

const TO_NUMBER = toPattern("to|a|-");

/** "at 9:00 and 14:00", "9h30", "à midi". An hour alone is a time after "at" only. */
function readTimes(cursor: Cursor, draft: Draft): boolean {
  if (draft.times) return false;
  const isAnnounced = takeWord(cursor, AT) !== undefined;
  const isTime = isNext(cursor, TIME) || (isAnnounced && isNext(cursor, NUMBER));
  const first = readTime(cursor, isAnnounced);
  if (first === undefined && isTime) throw new Unsayable("unclear");
  if (first === undefined) return false;
  const others = readOtherItems(cursor, AND, () => {
    const time = attempt(cursor, () => {
      takeWord(cursor, AT);
      return readTime(cursor, isAnnounced && isLastWord(cursor));
    });
    return time === undefined ? undefined : [time];
  });
  draft.times = [first, ...others];
  return true;
}

/** Whether the number at the cursor is the last word: "at 9 and 14", unlike "at 9 and 3 reports". */
function isLastWord({ text, at }: Cursor): boolean {
  return /^[\s,]*\d+\s*$/.test(text.slice(at));
}

/** Reads a time of day in minutes. @param allowHour the hour may stand alone */
function readTime(cursor: Cursor, allowHour: boolean): number | undefined {
  if (takeWord(cursor, NOON)) return 12 * 60;
  if (takeWord(cursor, MIDNIGHT)) return 0;
  const half = takeWord(cursor, TIME_12);
  if (half) return toMinutes(half[1], "0", half[2]);
  const full = takeWord(cursor, TIME);
  if (full) return toMinutes(full[1], full[2] ?? full[3] ?? "0", full[4]);
  return allowHour ? toMinutes(takeWord(cursor, NUMBER)?.[1], "0", undefined) : undefined;
}

function toMinutes(hour: string | undefined, minute: string, half: string | undefined): number | undefined {
  if (hour === undefined) return undefined;
  const [h, m] = [Number(hour), Number(minute)];
  if (m > 59 || h > 23 || (half !== undefined && (h < 1 || h > 12))) return undefined;
  return (half === undefined ? h : (h % 12) + (half.toLowerCase() === "p" ? 12 : 0)) * 60 + m;
}

/** The days of the week and of the month that one list of words names. */
type Days = Pick<Recurrence, "monthDays" | "weekDays">;

/** "on December 25", "every January 1st": the month before its day. */
function readDayOfMonth(cursor: Cursor, draft: Draft): boolean {
  if (draft.days || draft.months || draft.times) return false;
  if (!takeWord(cursor, EVERY)) takeWord(cursor, ON);
  const month = MONTHS.find(({ pattern }) => takeWord(cursor, pattern))?.n;
  const day = month === undefined || isNext(cursor, TIME) ? undefined : readMonthDay(cursor, true);
  if (month === undefined || day === undefined) return false;
  draft.months = [month];
  draft.days = toRule({ monthDays: { ...EVERY_DAY.monthDays, days: [day] }, weekDays: [] });
  return true;
}

/** "every monday and friday", "on the 1st and the last day", "du lundi au vendredi", "le premier lundi" */
function readDays(cursor: Cursor, draft: Draft): boolean {
  const isAnnounced = [EVERY, ON, ARTICLE, FROM].some((pattern) => isNext(cursor, pattern));
  const days = readDayList(cursor, AND);
  const isOver = draft.days !== undefined || draft.unit === "day";
  // After the time of day the title may begin with a day: "every monday 9:00 friday report".
  if (!days || (draft.times && (isOver || !isAnnounced))) return false;
  const isMonthly = days.weekDays.every(({ nth }) => nth !== "every");
  if (isOver || (draft.unit === "week" && isMonthly)) throw new Unsayable("unclear");
  draft.days = toRule(days);
  return true;
}

/** "if it is Friday", after days of the month. */
function readCondition(cursor: Cursor, draft: Draft): boolean {
  const { days: monthDays } = draft;
  if (monthDays?.rule !== "month_days" || !takeWord(cursor, IF)) return false;
  const days = readDayList(cursor, AND_OR);
  if (!days || toRule(days).rule !== "week_days") return false;
  draft.days = { rule: "both", monthDays: monthDays.monthDays, weekDays: days.weekDays };
  return true;
}

function toRule({ monthDays, weekDays }: Days): typeof EVERY_DAY {
  const hasMonthDays =
    monthDays.days.length + monthDays.nearest.length > 0 || monthDays.last || monthDays.lastWorkingDay;
  const isAlways = monthDays.days.length === 31 || weekDays.filter(({ nth }) => nth === "every").length === 7;
  if (isAlways) return EVERY_DAY;
  const rule = !hasMonthDays ? "week_days" : weekDays.length === 0 ? "month_days" : "either";
  return { rule, monthDays, weekDays };
}

function readDayList(cursor: Cursor, and: RegExp): Days | undefined {
  const items = readItems(cursor, and, () => {
    const item = attempt(cursor, () => readDayItem(cursor));
    return item && [item];
  });
  if (items.length === 0) return undefined;
  const pick = (key: "days" | "nearest") => sortUnique(items.flatMap(({ monthDays }) => monthDays[key]));
  const has = (key: "last" | "lastWorkingDay") => items.some(({ monthDays }) => monthDays[key]);
  const weekDays = items.flatMap((item) => item.weekDays);
  const order = (nth: string | number) => (nth === "every" ? 0 : nth === "last" ? 6 : Number(nth));
  const unique = new Map(weekDays.map((one) => [`${one.day}#${one.nth}`, one]));
  const isEvery = ({ day, nth }: (typeof weekDays)[number]) => nth !== "every" && unique.has(`${day}#every`);
  return {
    monthDays: {
      ...{ days: pick("days"), nearest: pick("nearest") },
      ...{ last: has("last"), lastWorkingDay: has("lastWorkingDay") },
    },
    weekDays: [...unique.values()]
      .filter((one) => !isEvery(one))
      .sort((a, b) => a.day - b.day || order(a.nth) - order(b.nth)),
  };
}

function readDayItem(cursor: Cursor): Days | undefined {
  const isEvery = takeWord(cursor, EVERY) !== undefined;
  takeWord(cursor, ON);
  const isNamed = takeWord(cursor, ARTICLE) !== undefined;
  const none = EVERY_DAY.monthDays;
  const toWeekDays = (days: readonly number[]): Days => ({
    monthDays: none,
    weekDays: days.map((day) => ({ day: day % 7, nth: "every" })),
  });
  const nearest = attempt(cursor, () =>
    takeWord(cursor, WORKING_DAYS) && takeWord(cursor, NEAREST) ? readMonthDay(cursor, true) : undefined,
  );
  if (nearest !== undefined) return { monthDays: { ...none, nearest: [nearest] }, weekDays: [] };
  if (takeWord(cursor, WORKING_DAYS)) return toWeekDays(listNumbers(1, 5));
  if (takeWord(cursor, WEEKEND)) return toWeekDays([6, 0]);
  const nth = attempt(cursor, () => readNth(cursor));
  const [named] = nth?.weekDays ?? [];
  // "Every second Monday" may be every other one.
  if (isEvery && typeof named?.nth === "number" && named.nth > 1 && !isMonthNext(cursor))
    throw new Unsayable("uncountable");
  if (nth) return nth;
  const isRange = takeWord(cursor, FROM) !== undefined;
  takeWord(cursor, ARTICLE);
  const day = readWeekDayName(cursor);
  if (day !== undefined) {
    const to = attempt(cursor, () => (takeWord(cursor, TO_DAY) ? readWeekDayName(cursor) : undefined));
    if (to === undefined) return isRange ? undefined : toWeekDays([day]);
    return toWeekDays(listNumbers(day, to < day ? to + 7 : to));
  }
  const from = readMonthDay(cursor, isNamed || isRange);
  if (from === undefined) return undefined;
  const to = attempt(cursor, () => {
    if (!takeWord(cursor, TO_DAY)) return undefined;
    takeWord(cursor, ARTICLE);
    return readMonthDay(cursor, isRange);
  });
  if (isRange && to === undefined) return undefined;
  if (to !== undefined && to < from) throw new Unsayable("unclear");
  // "Every 3rd" alone may count days.
  if (isEvery && to === undefined && !isMonthNext(cursor)) throw new Unsayable("unclear");
  return { monthDays: { ...none, days: listNumbers(from, to ?? from) }, weekDays: [] };
}

const TO_DAY = toPattern("to|through|until|au|a|-|–");

/** "first monday", "dernier jour ouvré", "1st friday" */
function readNth(cursor: Cursor): Days | undefined {
  const named = NTHS.findIndex((words) => takeWord(cursor, toPattern(words)));
  const n = named >= 0 ? named + 1 : Number(takeWord(cursor, MONTH_DAY)?.[1] ?? 0);
  if (n === 0) return undefined;
  const day = readWeekDayName(cursor);
  const none = EVERY_DAY.monthDays;
  if (day !== undefined) {
    const nth = ([1, 2, 3, 4, 5, "last"] as const)[n - 1];
    return nth === undefined ? undefined : { monthDays: none, weekDays: [{ day, nth }] };
  }
  if (named < 0) return undefined;
  if (n < 6) return isNext(cursor, OF) ? { monthDays: { ...none, days: [n] }, weekDays: [] } : undefined;
  if (takeWord(cursor, WORKING_DAYS)) return { monthDays: { ...none, lastWorkingDay: true }, weekDays: [] };
  return takeWord(cursor, UNITS.day) ? { monthDays: { ...none, last: true }, weekDays: [] } : undefined;
}

function readWeekDayName(cursor: Cursor): number | undefined {
  return WEEK_DAYS.find(({ pattern }) => takeWord(cursor, pattern))?.n;
}

/** Reads a day of the month. @param allowNumber it may be a number without an ending: "le 15" */
function readMonthDay(cursor: Cursor, allowNumber: boolean): number | undefined {
  const match = takeWord(cursor, MONTH_DAY) ?? attempt(cursor, () => readBareDay(cursor, allowNumber));
  const day = Number(match?.[1] ?? 0);
  return day >= 1 && day <= 31 ? day : undefined;
}

/** A number without an ending, where an article or the name of a month says that it is a day: "le 15", "15 January". */
function readBareDay(cursor: Cursor, isNamed: boolean): RegExpExecArray | undefined {
  const match = takeWord(cursor, NUMBER);
  return match && (isNamed || isMonthNext(cursor)) ? match : undefined;
}

function isMonthNext(cursor: Cursor): boolean {
  return isNext(cursor, OF) || MONTHS.some(({ pattern }) => isNext(cursor, pattern));
}

/** "of every month", "in January and July"; a month may also follow its day: "1 January". */
function readMonths(cursor: Cursor, draft: Draft): boolean {
  if (draft.days && takeWord(cursor, OF_EVERY_MONTH)) return true;
  if (draft.months) return false;
  const isAnnounced = takeWord(cursor, OF) !== undefined;
  if (!isAnnounced && (draft.times || draft.days?.rule !== "month_days")) return false;
  const months = readItems(cursor, AND, () => {
    const month = MONTHS.find(({ pattern }) => takeWord(cursor, pattern))?.n;
    return month === undefined ? undefined : [month];
  });
  if (months.length === 0) return false;
  draft.months = sortUnique(months);
  return true;
}
