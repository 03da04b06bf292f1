/**
 * Languages, and how texts, numbers, dates and amounts are written in them: templates with placeholders, plural forms,
 * and the spaces of French typography.
 */

import { DAY, HOUR, MINUTE, type Ms } from "../time.ts";

/** Value of the setting `LOCALE`. With `auto`, replies are in the language of the user they are for. */
export type LocaleSetting = Locale | "auto";

/** A part of a template: literal text, or the name of a placeholder. */
type TemplatePart = { literal: string } | { placeholder: string };

/** A text with a number, `{n}`. A language with more plural forms than these two would need more fields here. */
export interface PluralForms {
  one: string;
  other: string;
}

export const LOCALES = ["en", "fr"] as const;

/** A language of Groundcrew's texts; also a locale of `Intl`. */
export type Locale = (typeof LOCALES)[number];

const DURATION_UNITS = [
  ["day", DAY],
  ["hour", HOUR],
  ["minute", MINUTE],
] as const;

const FILE_SIZE_UNITS: Record<Locale, [bytes: string, kilobytes: string, megabytes: string]> = {
  en: ["bytes", "KB", "MB"],
  fr: ["octets", "Ko", "Mo"],
};

/** U+202F, the narrow no-break space. */
const NARROW = "\u202f";

/** U+00A0, the no-break space of a word's width. */
const WIDE = "\u00a0";

/**
 * Returns the language for a setting: the one place that decides it, for Telegram, comments and the page. With `auto`,
 * a text that is for no single user (a notification, a comment) is English.
 * @param languageCode the user's language as an IETF tag, such as `fr-CA`: that of the Telegram client, or the
 * browser's first (`Accept-Language`)
 */
export function resolveLocale(setting: LocaleSetting, languageCode?: string | null): Locale {
  if (setting !== "auto") return setting;
  return /^fr\b/i.test(languageCode ?? "") ? "fr" : "en";
}

/** The language that a request asks for in its query; without one that there is, that of the settings. */
export function chooseLanguage(setting: LocaleSetting, asked: string | undefined): Locale {
  return LOCALES.find((locale) => locale === asked) ?? resolveLocale(setting);
}

/** Splits `Waits for {keys}` into its parts, for callers that fill in formatted text. */
export function splitTemplate(template: string): TemplatePart[] {
  return template
    .split(/(\{\w+\})/)
    .filter((part) => part !== "")
    .map((part) => {
      const placeholder = /^\{(\w+)\}$/.exec(part)?.[1];
      return placeholder === undefined ? { literal: part } : { placeholder };
    });
}

/** Fills in the placeholders of a template. A placeholder without a value stays in the text. */
export function formatTemplate(template: string, values: Readonly<Record<string, string>>): string {
  return splitTemplate(template)
    .map((part) => ("literal" in part ? part.literal : (values[part.placeholder] ?? `{${part.placeholder}}`)))
    .join("");
}

/** Fills in the number, in the plural form that the language uses for it. */
export function localizeCount({ locale }: { locale: Locale }, forms: PluralForms, n: number): string {
  const form = new Intl.PluralRules(locale).select(n) === "one" ? forms.one : forms.other;
  return formatTemplate(form, { n: localizeNumber(locale, n) });
}

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

/**
 * Sets the spaces that French typography asks for (Lexique des règles typographiques de l'Imprimerie nationale): narrow
 * before `;`, `!`, `?` and `%`, of a word's width before `:` and units and inside « ». Whoever writes a French text may
 * write either, or a plain space.
 */
export function setFrenchSpaces(text: string): string {
  return text
    .replace(/[ \u00a0\u202f](?=[;!?%])/g, NARROW)
    .replace(/[ \u00a0\u202f](?=[:»](?!\/))/g, WIDE)
    .replace(/(?<=«)[ \u00a0\u202f]/g, WIDE)
    .replace(/(?<=[}\d]) (?=(?:s|min|h|j|Mio|Ko|Mo)\b)/g, WIDE);
}
