/** What a cron expression with five fields means, as sets of numbers, and the expression that a meaning is written as. */

import { CronPattern } from "croner";

/** When something recurs. All numbers are sorted and appear once. */
export interface Recurrence {
  /** 0 to 59. */
  minutes: number[];
  /** 0 to 23. */
  hours: number[];
  /** 1 to 12. */
  months: number[];
  /**
   * How the days of the month and those of the week combine: neither limits it, one does, either suffices (cron's own
   * rule when both are given), or both must hold (croner's `+`).
   */
  rule: "daily" | "month_days" | "week_days" | "either" | "both";
  monthDays: MonthDays;
  weekDays: WeekDay[];
}

export interface MonthDays {
  /** 1 to 31. */
  days: number[];
  /** The working days, Monday to Friday, nearest to these days of the month. */
  nearest: number[];
  last: boolean;
  lastWorkingDay: boolean;
}

/** A day of the week, Sunday being 0: every one, or the nth of its month; `last` is the last one. */
export interface WeekDay {
  day: number;
  nth: "every" | 1 | 2 | 3 | 4 | 5 | "last";
}

/** croner's bits of the nth days of a month, and of all of them. */
const NTH_BITS = [1, 2, 4, 8, 16, 32] as const;

const EVERY_NTH = 63;

const NTHS = [1, 2, 3, 4, 5, "last"] as const;

export const EVERY_DAY: Pick<Recurrence, "rule" | "monthDays" | "weekDays"> = {
  rule: "daily",
  monthDays: { days: [], nearest: [], last: false, lastWorkingDay: false },
  weekDays: [],
};

/** The numbers from `first` to `last`. */
export function listNumbers(first: number, last: number, step = 1): number[] {
  return Array.from({ length: Math.max(0, Math.floor((last - first) / step) + 1) }, (_, i) => first + i * step);
}

/**
 * Reads a cron expression with five fields, as croner understands it. Undefined for any other text, also for one with
 * seconds or years.
 */
export function parseCron(cron: string): Recurrence | undefined {
  const pattern = readPattern(cron);
  if (!pattern) return undefined;
  const monthDays: MonthDays = {
    days: listSet(pattern.day, 1),
    nearest: listSet(pattern.nearestWeekdays, 1),
    last: pattern.lastDayOfMonth,
    lastWorkingDay: pattern.lastWeekday,
  };
  const weekDays = pattern.dayOfWeek.flatMap((bits, day): WeekDay[] => {
    if (bits === EVERY_NTH) return [{ day, nth: "every" }];
    return NTHS.flatMap((nth, i) => ((bits & (NTH_BITS[i] ?? 0)) > 0 ? [{ day, nth }] : []));
  });
  const anyMonthDay = pattern.starDOM || monthDays.days.length === 31;
  const anyWeekDay = pattern.starDOW || weekDays.filter(({ nth }) => nth === "every").length === 7;
  // A field that is given counts also when it has all values: with cron's rule, either then always holds.
  const isAlways = !pattern.useAndLogic && ((!pattern.starDOM && anyMonthDay) || (!pattern.starDOW && anyWeekDay));
  const rule =
    isAlways || (anyMonthDay && anyWeekDay)
      ? "daily"
      : anyMonthDay
        ? "week_days"
        : anyWeekDay
          ? "month_days"
          : pattern.useAndLogic
            ? "both"
            : "either";
  return {
    minutes: listSet(pattern.minute, 0),
    hours: listSet(pattern.hour, 0),
    months: listSet(pattern.month, 1),
    rule,
    monthDays: rule === "daily" || rule === "week_days" ? EVERY_DAY.monthDays : monthDays,
    weekDays: rule === "daily" || rule === "month_days" ? [] : weekDays,
  };
}

function readPattern(cron: string): CronPattern | undefined {
  try {
    return new CronPattern(cron, undefined, { mode: "5-part" });
  } catch {
    return undefined;
  }
}

const listSet = (flags: readonly number[], first: number) => flags.flatMap((flag, i) => (flag > 0 ? [i + first] : []));

/** Writes a recurrence as a cron expression: always the same one for the same meaning. */
export function formatCron({ minutes, hours, months, rule, monthDays, weekDays }: Recurrence): string {
  const { days, nearest, last, lastWorkingDay } = monthDays;
  const inMonth = [
    ...(days.length > 0 ? [formatSet(days, 1, 31)] : []),
    ...nearest.map((day) => `${day}W`),
    ...(last ? ["L"] : []),
    ...(lastWorkingDay ? ["LW"] : []),
  ].join(",");
  const every = weekDays.filter(({ nth }) => nth === "every").map(({ day }) => day);
  const inWeek = [
    ...(every.length > 0 ? [formatSet(every, 0, 6)] : []),
    ...weekDays.flatMap(({ day, nth }) => (nth === "every" ? [] : [`${day}#${nth === "last" ? "L" : nth}`])),
  ].join(",");
  const hasMonthDays = rule !== "daily" && rule !== "week_days";
  const hasWeekDays = rule !== "daily" && rule !== "month_days";
  const fields = [formatSet(minutes, 0, 59), formatSet(hours, 0, 23), hasMonthDays ? inMonth : "*"];
  return [...fields, formatSet(months, 1, 12), `${rule === "both" ? "+" : ""}${hasWeekDays ? inWeek : "*"}`].join(" ");
}

function formatSet(values: readonly number[], first: number, last: number): string {
  if (values.length === last - first + 1) return "*";
  const step = findStep(values, first, last);
  if (step !== undefined) return `*/${step}`;
  return groupRanges(values)
    .map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`))
    .join(",");
}

/** Finds n where these are every nth value of a range that n divides: 15 for 0, 15, 30 and 45 of 0 to 59. */
export function findStep(values: readonly number[], first: number, last: number): number | undefined {
  const size = last - first + 1;
  const step = size / values.length;
  const isEven = Number.isInteger(step) && values.length > 2 && values.every((value, i) => value === first + i * step);
  return isEven ? step : undefined;
}

/** Joins three and more numbers in a row to a range: `[[1, 5], [7, 7]]`. */
export function groupRanges(values: readonly number[]): [from: number, to: number][] {
  const runs: [number, number][] = [];
  for (const value of values) {
    const run = runs.at(-1);
    if (run && run[1] === value - 1) run[1] = value;
    else runs.push([value, value]);
  }
  return runs.flatMap(([from, to]): [number, number][] =>
    to - from === 1
      ? [
          [from, from],
          [to, to],
        ]
      : [[from, to]],
  );
}
