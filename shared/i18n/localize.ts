import { joinRichText, type RichText } from "../../../shared/telegram/rich-text.ts";
import type { PluralForms, TelegramTexts } from "./telegram-texts.ts";
import { telegramTextsEn } from "./telegram-texts-en.ts";
import { telegramTextsFr } from "./telegram-texts-fr.ts";

const LANGUAGES: Record<TelegramTexts["locale"], TelegramTexts> = { en: telegramTextsEn, fr: telegramTextsFr };

/** The texts of a `LOCALE` setting. `auto` follows a person's language; a notice has no one person, so English. */
export function getTelegramTexts(locale: "en" | "fr" | "auto"): TelegramTexts {
  return LANGUAGES[locale === "auto" ? "en" : locale];
}

/** A counted text with its number, in the right form. */
export function localizeCount({ locale }: TelegramTexts, forms: PluralForms, n: number): string {
  const form = new Intl.PluralRules(locale).select(n) === "one" ? forms.one : forms.other;
  return form.replace("{n}", localizeNumber(locale, n));
}

/** A text with its places filled in; what is filled in stays what it is: text, bold, a link. */
export function fillTemplate(text: string, values: Record<string, RichText | string>): RichText {
  const parts = text.split(/(\{\w+\})/);
  return joinRichText(parts.map((part) => values[/^\{(\w+)\}$/.exec(part)?.[1] ?? ""] ?? part));
}

/** A moment, as people of this time zone write it: the time of day, with the day when that is another one than now. */
export function localizeMoment(locale: string, timeZone: string, at: number, now: number): string {
  const day = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeZone });
  const time = new Intl.DateTimeFormat(locale, { timeStyle: "short", timeZone, hourCycle: "h23" });
  return day.format(at) === day.format(now) ? time.format(at) : `${day.format(at)} ${time.format(at)}`;
}

export function localizeNumber(locale: string, n: number): string {
  return new Intl.NumberFormat(locale).format(n);
}

const DURATION_UNITS = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
] as const;

/** A length of time in its two largest units, for example `2 hr 5 min`; under a minute it is `<1 min`. */
export function localizeDuration(locale: string, ms: number): string {
  let left = Math.max(0, ms);
  const parts = DURATION_UNITS.map(([unit, length]) => {
    const n = Math.floor(left / length);
    left -= n * length;
    return { unit, n };
  });
  const first = parts.findIndex(({ n }) => n > 0);
  const shown = first === -1 ? [{ unit: "minute", n: 1 }] : parts.slice(first, first + 2).filter(({ n }) => n > 0);
  const text = shown
    .map(({ unit, n }) => new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "short" }).format(n))
    .join(" ");
  return first === -1 ? `<${text}` : text;
}

/** A calendar day `YYYY-MM-DD` (or the day a time `YYYY-MM-DDT…` begins with), as people write it. */
export function localizeDate(locale: string, date: string): string {
  const at = Date.parse(`${date.slice(0, 10)}T00:00:00Z`);
  if (Number.isNaN(at)) return date;
  return new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeZone: "UTC" }).format(at);
}
