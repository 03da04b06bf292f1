import { DAY, HOUR, MINUTE, type Ms } from "../time.ts";
import type { Locale } from "./locale.ts";

/** Formats a time in this time zone: the time of day, preceded by the date unless it is the date of `now`. */
export function localizeMoment(locale: Locale, timeZone: string, at: Ms, now: Ms): string {
  const day = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeZone });
  const time = new Intl.DateTimeFormat(locale, { timeStyle: "short", timeZone, hourCycle: "h23" });
  return day.format(at) === day.format(now) ? time.format(at) : `${day.format(at)} ${time.format(at)}`;
}

/**
 * Formats a time as `localizeMoment` does, for the middle of a sentence, after "since": French has an article before a
 * date and a preposition before the time of day.
 */
export function localizeMomentInSentence(locale: Locale, timeZone: string, at: Ms, now: Ms): string {
  const moment = localizeMoment(locale, timeZone, at, now);
  return locale === "fr" ? moment.replace(/^(.+) (\d\d:\d\d)$/, "le $1 à $2") : moment;
}

/** Formats the date of `YYYY-MM-DD` or `YYYY-MM-DDT…`. A text that is not a date is returned unchanged. */
export function localizeDate(locale: Locale, date: string): string {
  const at = Date.parse(`${date.slice(0, 10)}T00:00:00Z`);
  if (Number.isNaN(at)) return date;
  return new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeZone: "UTC" }).format(at);
}

/** Returns the name of the month at this time in a time zone. */
export function localizeMonth(locale: Locale, timeZone: string, at: Ms): string {
  return new Intl.DateTimeFormat(locale, { timeZone, month: "long" }).format(at);
}

export function localizeNumber(locale: Locale, n: number): string {
  return new Intl.NumberFormat(locale).format(n);
}

/** Formats an amount so that it can be read back: without separators of thousands, with up to six decimals. */
export function localizeExactNumber(locale: Locale, n: number): string {
  return new Intl.NumberFormat(locale, { useGrouping: false, maximumFractionDigits: 6 }).format(n);
}

/** Formats `0.4` as `40%`, rounded to whole percent. */
export function localizePercent(locale: Locale, ratio: number): string {
  return new Intl.NumberFormat(locale, { style: "percent" }).format(ratio);
}

/** Formats an amount with its currency (ISO 4217 code), or as a plain number without one. */
export function localizeMoney(locale: Locale, amount: number, currency?: string): string {
  const style = currency === undefined ? {} : ({ style: "currency", currency } as const);
  return new Intl.NumberFormat(locale, { maximumFractionDigits: 2, ...style }).format(amount);
}

const DURATION_UNITS = [
  ["day", DAY],
  ["hour", HOUR],
  ["minute", MINUTE],
] as const;

/** Formats a duration in its two largest units, for example `2 hr 5 min`; under a minute it is `<1 min`. */
export function localizeDuration(locale: Locale, ms: Ms): string {
  let remaining = Math.max(0, ms);
  const parts = DURATION_UNITS.map(([unit, length]) => {
    const n = Math.floor(remaining / length);
    remaining -= n * length;
    return { unit, n };
  });
  const first = parts.findIndex(({ n }) => n > 0);
  const shownParts = first === -1 ? [{ unit: "minute", n: 1 }] : parts.slice(first, first + 2).filter(({ n }) => n > 0);
  const text = shownParts
    .map(({ unit, n }) => new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "short" }).format(n))
    .join(" ");
  return first === -1 ? `<${text}` : text;
}

const FILE_SIZE_UNITS: Record<Locale, [bytes: string, kilobytes: string, megabytes: string]> = {
  en: ["bytes", "KB", "MB"],
  fr: ["octets", "Ko", "Mo"],
};

/** Formats a file size with at most one decimal, for example `1.5 KB` (1 KB is 1,024 bytes). */
export function localizeFileSize(locale: Locale, bytes: number): string {
  const [byteUnit, kilobyteUnit, megabyteUnit] = FILE_SIZE_UNITS[locale];
  const [value, unit] =
    bytes >= 2 ** 20
      ? [bytes / 2 ** 20, megabyteUnit]
      : bytes >= 1024
        ? [bytes / 1024, kilobyteUnit]
        : [bytes, byteUnit];
  const number = new Intl.NumberFormat(locale, { maximumFractionDigits: 1, useGrouping: false }).format(value);
  return `${number}${locale === "fr" ? "\u00a0" : " "}${unit}`;
}
