/** A time in milliseconds since the epoch, or a duration in milliseconds. */
export type Ms = number;

export const SECOND: Ms = 1_000;
export const MINUTE: Ms = 60 * SECOND;
export const HOUR: Ms = 60 * MINUTE;
export const DAY: Ms = 24 * HOUR;

/**
 * Formats a time in a time zone for agents: ISO 8601 without fractions of a second, with the zone's offset at that time,
 * such as `2026-11-21T09:00:00+01:00`; in UTC with `Z`.
 */
export function formatIsoTime(at: Ms, timeZone: string): string {
  const { date, time, offset } = toZonedTime(at, timeZone);
  return `${date}T${time}${offset === "+00:00" ? "Z" : offset}`;
}

/** Splits a time into a time zone's date (`2026-11-21`), time of day (`09:00:00`) and offset to UTC (`+01:00`). */
export function toZonedTime(at: Ms, timeZone: string): { date: string; time: string; offset: string } {
  const offsetMs = getZoneOffset(at, timeZone);
  const [date = "", time = ""] = new Date(at + offsetMs).toISOString().slice(0, 19).split("T");
  const minutes = Math.abs(Math.trunc(offsetMs / MINUTE));
  const twoDigits = (n: number) => String(n).padStart(2, "0");
  const sign = offsetMs < 0 ? "-" : "+";
  return { date, time, offset: `${sign}${twoDigits(Math.trunc(minutes / 60))}:${twoDigits(minutes % 60)}` };
}

/** Offsets of a zone to UTC change at most every quarter of an hour; `GMT` and `GMT+05:30` are Intl's forms. */
function getZoneOffset(at: Ms, timeZone: string): Ms {
  if (timeZone === "UTC") return 0;
  const format = new Intl.DateTimeFormat("en", { timeZone, timeZoneName: "longOffset" });
  const name = format.formatToParts(at).find(({ type }) => type === "timeZoneName")?.value ?? "";
  const [, sign, hours = "0", minutes = "0"] = /([+-])(\d\d):(\d\d)/.exec(name) ?? [];
  return (sign === "-" ? -1 : 1) * (Number(hours) * HOUR + Number(minutes) * MINUTE);
}

/**
 * Whether less than `duration` has passed since `at`. A time in the future was taken before the clock was set back and
 * does not count, because it would stay recent until the clock has caught up.
 */
export function isRecent(at: Ms, duration: Ms, now: Ms): boolean {
  return at <= now && now - at < duration;
}
