/** The language of the page: its texts, times and figures in it, and the preferences that the browser keeps. */

import { TEXTS } from "./page-texts.ts";

/** @import { PageLanguage, TextName, TextValues } from "./page-types.ts" */

/** @type {(() => void)[]} */
const languageListeners = [];

/** What the user has chosen on this page, else what the server decided from LOCALE and the browser's language. */
let language = parseLanguage(readPreference("language") ?? document.documentElement.lang);

/** @type {Intl.DateTimeFormatOptions} */
const CLOCK = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };

/** @type {Intl.DateTimeFormatOptions} */
const DAY = { day: "numeric", month: "short" };

/** Units of a duration with their length in ms. */
const DURATION_UNITS = /** @type {const} */ ([
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
]);

export function getLanguage() {
  return language;
}

/** @param {string} text */
export function setLanguage(text) {
  language = parseLanguage(text);
  savePreference("language", language);
  translatePage();
  for (const listener of languageListeners) listener();
}

/** @param {string} text @returns {PageLanguage} */
function parseLanguage(text) {
  return text in TEXTS ? /** @type {PageLanguage} */ (text) : "en";
}

/** @param {() => void} listener called after the language has changed */
export function onLanguageChange(listener) {
  languageListeners.push(listener);
}

/** @param {TextName} name @param {TextValues} [values] */
export function translate(name, values) {
  return fillText(/** @type {Partial<Record<TextName, string>>} */ (TEXTS[language])[name] ?? name, values);
}

/** Finds the text with this name: records of other versions may name what this page does not know. @param {string} name */
export function findTextName(name) {
  return name in TEXTS[language] ? /** @type {TextName} */ (name) : undefined;
}

/**
 * Translates a text whose placeholders are elements, for example names with a writing direction of their own.
 * @template Part
 * @param {TextName} name @param {Readonly<Record<string, Part>>} values
 * @returns {(Part | string)[]}
 */
export function translateParts(name, values) {
  const parts = translate(name).split(/\{(\w+)\}/);
  return parts.map((part, i) => (i % 2 === 1 ? (values[part] ?? "") : part)).filter((part) => part !== "");
}

/** Replaces the `{…}` placeholders of a text. @param {string} text @param {TextValues} [values] */
export function fillText(text, values) {
  return text.replace(/\{(\w+)\}/g, (place, key) => (values && key in values ? String(values[key]) : place));
}

export function translatePage() {
  document.documentElement.lang = language;
  translateElements("data-text", (el, text) => {
    el.textContent = text;
  });
  translateElements("data-label", (el, text) => el.setAttribute("aria-label", text));
  translateElements("data-hint", (el, text) => el.setAttribute("placeholder", text));
}

/** @param {string} attribute holds the text's name @param {(el: Element, text: string) => void} show */
function translateElements(attribute, show) {
  for (const el of document.querySelectorAll(`[${attribute}]`)) {
    show(el, translate(/** @type {TextName} */ (el.getAttribute(attribute))));
  }
}

/** Formats a time of today to the second, any other time with its day. @param {number} at */
export function formatTime(at) {
  const date = new Date(at);
  const isToday = new Date().toDateString() === date.toDateString();
  return date.toLocaleString(language, { ...CLOCK, ...(isToday ? { second: "2-digit" } : DAY) });
}

/** Formats how long ago a time was, such as "5 minutes ago". @param {number} at */
export function formatAgo(at) {
  const ms = Math.max(0, Date.now() - at);
  const [unit, length] = DURATION_UNITS.find(([, one]) => ms >= one) ?? ["minute", 60_000];
  return new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(-Math.floor(ms / length), unit);
}

/** Formats a file size with at most one decimal. @param {number} bytes */
export function formatBytes(bytes) {
  const [value, unit] = bytes < 1_000_000 ? [bytes / 1_000, "kilobyte"] : [bytes / 1_000_000, "megabyte"];
  return value.toLocaleString(language, { style: "unit", unit, maximumFractionDigits: 1 });
}

/** Formats a time of day to the minute. @param {number} at */
export function formatClock(at) {
  return new Date(at).toLocaleTimeString(language, CLOCK);
}

/** Today's local date as YYYY-MM-DD, Plane's format. */
export function getToday() {
  return new Date().toLocaleDateString("sv-SE");
}

/** Formats a date that Plane sends as YYYY-MM-DD. @param {string | null} text */
export function formatDay(text) {
  if (!text) return "–";
  const date = new Date(`${text}T12:00:00Z`);
  return Number.isNaN(date.getTime()) ? text : date.toLocaleDateString(language, { ...DAY, timeZone: "UTC" });
}

/** Formats a duration in its two largest units, as messages in Telegram do. @param {number} ms */
export function formatDuration(ms) {
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

/** @param {string} unit @param {number} n */
function formatUnit(unit, n) {
  return new Intl.NumberFormat(getLanguage(), { style: "unit", unit, unitDisplay: "short" }).format(n);
}

/** Formats an amount, without a currency as a plain number. @param {number} amount @param {string} [currency] */
export function formatMoney(amount, currency) {
  const style = currency ? /** @type {const} */ ({ style: "currency", currency }) : { maximumFractionDigits: 2 };
  return new Intl.NumberFormat(getLanguage(), style).format(amount);
}

/** Formats 0.4 as 40%. @param {number} ratio */
export function formatPercent(ratio) {
  return new Intl.NumberFormat(getLanguage(), { style: "percent" }).format(ratio);
}

/** @param {number} n */
export function formatCount(n) {
  return new Intl.NumberFormat(getLanguage()).format(n);
}

/**
 * Reads a choice from the browser's local storage. Browsers may forbid the storage; then nothing is remembered.
 * @param {"console" | "language" | "project" | "show"} name
 */
export function readPreference(name) {
  try {
    return localStorage.getItem(name) ?? undefined;
  } catch {
    return undefined;
  }
}

/** @param {"console" | "language" | "project" | "show"} name @param {string} value */
export function savePreference(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {}
}
