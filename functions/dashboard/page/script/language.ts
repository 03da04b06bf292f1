/** The language of the page: its texts, times and figures in it, and the preferences that the browser keeps. */

import type { TerminalTexts } from "../../../../shared/i18n/texts.ts";
import { TEXTS } from "./page-texts.ts";

type PageLanguage = keyof typeof TEXTS;

export type TextName = keyof typeof TEXTS.en | keyof TerminalTexts;

/** Values for the placeholders of a text. */
export type TextValues = Readonly<Record<string, string | number | undefined>>;

type PreferenceName = "console" | "language" | "project" | "show";

const languageListeners: (() => void)[] = [];

/** What the user has chosen on this page, else what the server decided from LOCALE and the browser's language. */
let language = parseLanguage(readPreference("language") ?? document.documentElement.lang);

const CLOCK = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" } as const;

const DAY = { day: "numeric", month: "short" } as const;

/** Units of a duration with their length in ms. */
const DURATION_UNITS = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
] as const;

export function getLanguage(): PageLanguage {
  return language;
}

export function setLanguage(text: string): void {
  language = parseLanguage(text);
  savePreference("language", language);
  translatePage();
  for (const listener of languageListeners) listener();
}

function parseLanguage(text: string): PageLanguage {
  return text in TEXTS ? (text as PageLanguage) : "en";
}

/** @param listener called after the language has changed */
export function onLanguageChange(listener: () => void): void {
  languageListeners.push(listener);
}

export function translate(name: TextName, values?: TextValues): string {
  return fillText((TEXTS[language] as Partial<Record<TextName, string>>)[name] ?? name, values);
}

/** Finds the text with this name: records of other versions may name what this page does not know. */
export function findTextName(name: string): TextName | undefined {
  return name in TEXTS[language] ? (name as TextName) : undefined;
}

/** The text of a name that the server sends; a name that this page does not know is shown as it is. */
export function translateName(group: string, name: string): string {
  const text = findTextName(`${group}.${name}`);
  return text ? translate(text) : name.replaceAll("_", " ");
}

/** Translates a text whose placeholders are elements, for example names with a writing direction of their own. */
export function translateParts<Part>(name: TextName, values: Readonly<Record<string, Part>>): (Part | string)[] {
  const parts = translate(name).split(/\{(\w+)\}/);
  return parts.map((part, i) => (i % 2 === 1 ? (values[part] ?? "") : part)).filter((part) => part !== "");
}

/** Replaces the `{…}` placeholders of a text. */
export function fillText(text: string, values?: TextValues): string {
  return text.replace(/\{(\w+)\}/g, (place, key) => (values && key in values ? String(values[key]) : place));
}

/** Translates what the page's HTML names: texts, names for screen readers, and hints in fields. */
export function translatePage(): void {
  document.documentElement.lang = language;
  for (const [attribute, property] of Object.entries({ text: "textContent", label: "ariaLabel", hint: "placeholder" }))
    for (const el of document.querySelectorAll<HTMLElement>(`[data-${attribute}]`))
      Object.assign(el, { [property]: translate(el.dataset[attribute] as TextName) });
}

/** Formats a time of today to the second, any other time with its day. @param at in ms */
export function formatTime(at: number): string {
  const date = new Date(at);
  const isToday = new Date().toDateString() === date.toDateString();
  return date.toLocaleString(language, { ...CLOCK, ...(isToday ? { second: "2-digit" } : DAY) });
}

/** Formats how long ago a time was, such as "5 minutes ago". @param at in ms */
export function formatAgo(at: number): string {
  const ms = Math.max(0, Date.now() - at);
  const [unit, length] = DURATION_UNITS.find(([, one]) => ms >= one) ?? ["minute", 60_000];
  return new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(-Math.floor(ms / length), unit);
}

/** Formats a file size with at most one decimal. */
export function formatBytes(bytes: number): string {
  const [value, unit] = bytes < 1_000_000 ? [bytes / 1_000, "kilobyte"] : [bytes / 1_000_000, "megabyte"];
  return value.toLocaleString(language, { style: "unit", unit, maximumFractionDigits: 1 });
}

/** Formats a time of day to the minute. @param at in ms */
export function formatClock(at: number): string {
  return new Date(at).toLocaleTimeString(language, CLOCK);
}

/** Today's local date as YYYY-MM-DD, Plane's format. */
export function getToday(): string {
  return new Date().toLocaleDateString("sv-SE");
}

/** Formats a date that Plane sends as YYYY-MM-DD. */
export function formatDay(text: string | null): string {
  if (!text) return "–";
  const date = new Date(`${text}T12:00:00Z`);
  return Number.isNaN(date.getTime()) ? text : date.toLocaleDateString(language, { ...DAY, timeZone: "UTC" });
}

/** Formats a duration in its two largest units, as messages in Telegram do. */
export function formatDuration(ms: number): string {
  const first = DURATION_UNITS.findIndex(([, length]) => ms >= length);
  if (first === -1) return ms > 0 ? `<${formatUnit("minute", 1)}` : formatUnit("minute", 0);
  let rest = ms;
  const parts = DURATION_UNITS.slice(first, first + 2).map(([unit, length]) => {
    const n = Math.floor(rest / length);
    rest -= n * length;
    return n > 0 ? formatUnit(unit, n) : "";
  });
  return parts.join(" ").trim();
}

function formatUnit(unit: string, n: number): string {
  return n.toLocaleString(language, { style: "unit", unit, unitDisplay: "short" });
}

/** Formats an amount in the one currency of the installation. */
export function formatMoney(amount: number): string {
  return amount.toLocaleString(language, { style: "currency", currency: document.body.dataset["currency"] ?? "USD" });
}

/** Formats 0.4 as 40%. */
export function formatPercent(ratio: number): string {
  return ratio.toLocaleString(language, { style: "percent" });
}

export function formatCount(n: number): string {
  return n.toLocaleString(language);
}

/** Reads a choice from the browser's local storage. Browsers may forbid the storage; then nothing is remembered. */
export function readPreference(name: PreferenceName): string | undefined {
  try {
    return localStorage.getItem(name) ?? undefined;
  } catch {
    return undefined;
  }
}

export function savePreference(name: PreferenceName, value: string): void {
  try {
    localStorage.setItem(name, value);
  } catch {}
}
