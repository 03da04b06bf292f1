/** Times and durations in milliseconds, calendar days of a time zone, waiting, and taking turns. */

/** A time in milliseconds since the epoch, or a duration in milliseconds. */
export type Ms = number;

export const SECOND: Ms = 1_000;

export const MINUTE: Ms = 60 * SECOND;

export const HOUR: Ms = 60 * MINUTE;

export const DAY: Ms = 24 * HOUR;

/** Longer than any calendar day, also one on which summer time ends. */
const MORE_THAN_A_DAY: Ms = 26 * HOUR;

/** By time zone, because creating one takes far longer than using it. */
const OFFSET_FORMATS = new Map<string, Intl.DateTimeFormat>();

/**
 * Formats a time in a time zone for agents: ISO 8601 without fractions of a second, with the zone's offset at that
 * time, such as `2026-11-21T09:00:00+01:00`; in UTC with `Z`.
 */
export function formatIsoTime(at: Ms, timeZone: string): string {
  const { date, time, offset } = toZonedTime(at, timeZone);
  return `${date}T${time}${offset === "+00:00" ? "Z" : offset}`;
}

/** Whether a text is the name of a time zone, for example Europe/Paris. */
export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
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
  const format =
    OFFSET_FORMATS.get(timeZone) ?? new Intl.DateTimeFormat("en", { timeZone, timeZoneName: "longOffset" });
  OFFSET_FORMATS.set(timeZone, format);
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

/** Returns the calendar day (`2026-11-21`) in a time zone. */
export function toZonedDate(timeZone: string, at: Ms): string {
  return toZonedTime(at, timeZone).date;
}

/** Returns the hour (0 to 23) in a time zone. */
export function getZonedHour(timeZone: string, at: Ms): number {
  return Number(toZonedTime(at, timeZone).time.slice(0, 2));
}

/** Returns the day before a calendar day. It calculates in UTC, so changes to and from summer time do not matter. */
export function getPreviousDate(date: string): string {
  return new Date(Date.parse(`${date}T00:00:00Z`) - DAY).toISOString().slice(0, 10);
}

/** Splits a period into its calendar days of a time zone, oldest first; `ms` are whole seconds and add up. */
export function splitByDay(timeZone: string, { from, to }: { from: Ms; to: Ms }): { day: string; ms: Ms }[] {
  const toDay = (at: Ms) => toZonedDate(timeZone, at);
  const parts: { day: string; ms: Ms }[] = [];
  for (let start = from; start < to; ) {
    const end = Math.min(to, findNextDay(toDay, start));
    const ms = (toSeconds(end - from) - toSeconds(start - from)) * SECOND;
    if (ms > 0) parts.push({ day: toDay(start), ms });
    start = end;
  }
  return parts;
}

/** Returns the last millisecond of a calendar day (`2026-11-21`) in a time zone. */
export function getEndOfDay(timeZone: string, date: string): Ms {
  const noon = Date.parse(`${date}T12:00:00Z`);
  return findNextDay((at) => toZonedDate(timeZone, at), noon - getZoneOffset(noon, timeZone)) - 1;
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

/** The length of a period in whole seconds; 0 when the store's clock was set back meanwhile. */
export function measurePeriod({ from, to }: { from: Ms; to: Ms }): Ms {
  return Math.floor(Math.max(0, to - from) / SECOND) * SECOND;
}

/**
 * Resolves after `ms` milliseconds, or as soon as the signal is aborted. Code that has `Deps` calls `deps.wait`, which
 * tests replace.
 */
export function wait(ms: Ms, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done, { once: true });
    function done() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    }
  });
}

/** Creates a function that runs tasks one after the other, in the order of its calls. A failing task stops no other. */
export function createOrderedRunner(): <T>(task: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (task) => {
    const done = last.then(task);
    last = done.catch(() => {});
    return done;
  };
}
