import { DAY, HOUR, type Ms, SECOND } from "./time.ts";

/** Returns the calendar day (`2026-11-21`) in a time zone. */
export function toZonedDate(timeZone: string, at: Ms): string {
  return createZonedDate(timeZone)(at);
}

/** Creates a function that returns calendar days (`2026-11-21`) in a time zone, for many times. */
export function createZonedDate(timeZone: string): (at: Ms) => string {
  const format = new Intl.DateTimeFormat("en", { timeZone, year: "numeric", month: "2-digit", day: "2-digit" });
  return (at) => {
    const { year, month, day } = toRecord(format.formatToParts(at));
    return `${year}-${month}-${day}`;
  };
}

/** Returns the hour (0 to 23) in a time zone. */
export function getZonedHour(timeZone: string, at: Ms): number {
  const format = new Intl.DateTimeFormat("en", { timeZone, hour: "2-digit", hourCycle: "h23" });
  return Number(toRecord(format.formatToParts(at))["hour"]);
}

/** Returns the day before a calendar day. It calculates in UTC, so changes to and from summer time do not matter. */
export function getPreviousDate(date: string): string {
  return new Date(Date.parse(`${date}T00:00:00Z`) - DAY).toISOString().slice(0, 10);
}

/** Longer than any calendar day, also one on which summer time ends. */
const MORE_THAN_A_DAY: Ms = 26 * HOUR;

/** Splits a period into its calendar days of a time zone, oldest first; `ms` are whole seconds and add up. */
export function splitByDay(timeZone: string, { from, to }: { from: Ms; to: Ms }): { day: string; ms: Ms }[] {
  const toDay = createZonedDate(timeZone);
  const parts: { day: string; ms: Ms }[] = [];
  for (let start = from; start < to; ) {
    const end = Math.min(to, findNextDay(toDay, start));
    const ms = (toSeconds(end - from) - toSeconds(start - from)) * SECOND;
    if (ms > 0) parts.push({ day: toDay(start), ms });
    start = end;
  }
  return parts;
}

/** Finds the first millisecond of the day after the one that contains `at`. */
function findNextDay(toDay: (at: Ms) => string, at: Ms): Ms {
  const day = toDay(at);
  let [inDay, after] = [at, at + MORE_THAN_A_DAY];
  while (after - inDay > 1) {
    const middle = Math.floor((inDay + after) / 2);
    if (toDay(middle) === day) inDay = middle;
    else after = middle;
  }
  return after;
}

const toSeconds = (ms: Ms) => Math.floor(ms / SECOND);

function toRecord(parts: Intl.DateTimeFormatPart[]): Record<string, string> {
  return Object.fromEntries(parts.map(({ type, value }) => [type, value]));
}
