import { TEXTS } from "./page-texts.js";
import { readPreference, savePreference } from "./preferences.js";

/** @import { PageLanguage, TextName, TextPart, TextValues } from "./page-types.ts" */

/** @type {(() => void)[]} */
const languageListeners = [];
/** What the user has chosen on this page, else what the server decided from LOCALE and the browser's language. */
let language = parseLanguage(readPreference("language") ?? document.documentElement.lang);

/** @param {string} text @returns {PageLanguage} */
function parseLanguage(text) {
  return text in TEXTS ? /** @type {PageLanguage} */ (text) : "en";
}

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

/** @param {() => void} listener called after the language has changed */
export function onLanguageChange(listener) {
  languageListeners.push(listener);
}

/** @param {TextName} name @param {TextValues} [values] */
export function translate(name, values) {
  return fillText(TEXTS[language][name] ?? name, values);
}

/** Finds the text with this name: records of other versions may name what this page does not know. @param {string} name */
export function findTextName(name) {
  return name in TEXTS[language] ? /** @type {TextName} */ (name) : undefined;
}

/**
 * Translates a text whose placeholders are elements, for example names with a writing direction of their own.
 * @param {TextName} name @param {Readonly<Record<string, TextPart | TextPart[]>>} values
 */
export function translateParts(name, values) {
  const parts = translate(name).split(/\{(\w+)\}/);
  return parts.flatMap((part, i) => (i % 2 === 1 ? (values[part] ?? "") : part) || []);
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

/** @type {Intl.DateTimeFormatOptions} */
const CLOCK = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
/** @type {Intl.DateTimeFormatOptions} */
const DAY = { day: "numeric", month: "short" };

/** Formats a time of today to the second, any other time with its day. @param {number} at */
export function formatTime(at) {
  const date = new Date(at);
  const isToday = new Date().toDateString() === date.toDateString();
  return date.toLocaleString(language, { ...CLOCK, ...(isToday ? { second: "2-digit" } : DAY) });
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
