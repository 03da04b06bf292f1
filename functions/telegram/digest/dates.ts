import { DAY, type Ms } from "../../../shared/time.ts";

/** Returns the calendar day (`2026-11-21`) in a time zone. */
export function toZonedDate(timeZone: string, at: Ms): string {
  const { year, month, day } = getZonedParts(timeZone, at, { year: "numeric", month: "2-digit", day: "2-digit" });
  return `${year}-${month}-${day}`;
}

/** Returns the hour (0 to 23) in a time zone. */
export function getZonedHour(timeZone: string, at: Ms): number {
  return Number(getZonedParts(timeZone, at, { hour: "2-digit", hourCycle: "h23" })["hour"]);
}

/** Returns the day before a calendar day. It calculates in UTC, so changes to and from summer time do not matter. */
export function getPreviousDate(date: string): string {
  return new Date(Date.parse(`${date}T00:00:00Z`) - DAY).toISOString().slice(0, 10);
}

function getZonedParts(timeZone: string, at: Ms, parts: Intl.DateTimeFormatOptions): Record<string, string> {
  const dateParts = new Intl.DateTimeFormat("en", { timeZone, ...parts }).formatToParts(at);
  return Object.fromEntries(dateParts.map(({ type, value }) => [type, value]));
}
