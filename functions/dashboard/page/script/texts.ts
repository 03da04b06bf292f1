/** What the page says, in which language, and how it writes times. */
export const TEXTS_SCRIPT = String.raw`
let lang = kept("language") ?? (navigator.language || "en").slice(0, 2);
if (!(lang in TEXTS)) lang = "en";

/** Storage may be forbidden: then nothing is remembered. */
function kept(name, value) {
  try {
    if (value !== undefined) localStorage.setItem(name, value);
    return localStorage.getItem(name) ?? undefined;
  } catch {
    return undefined;
  }
}

export function language() {
  return lang;
}

function t(name, values) {
  const text = TEXTS[lang][name] ?? name;
  return text.replace(/\{(\w+)\}/g, (all, key) => (values && key in values ? String(values[key]) : all));
}

function sayAll() {
  document.documentElement.lang = lang;
  for (const el of document.querySelectorAll("[data-text]")) el.textContent = t(el.dataset.text);
  for (const el of document.querySelectorAll("[data-label]")) el.setAttribute("aria-label", t(el.dataset.label));
  for (const el of document.querySelectorAll("[data-hint]")) el.placeholder = t(el.dataset.hint);
}

/** The time of day; with the day when it is another one than today. */
function when(at) {
  const date = new Date(at);
  const today = new Date().toDateString() === date.toDateString();
  const time = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  return date.toLocaleString(lang, today ? { ...time, second: "2-digit" } : { ...time, day: "numeric", month: "short" });
}

/** The time of day, to the minute. */
function clock(at) {
  return new Date(at).toLocaleTimeString(lang, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}

/** The day it is here, as Plane writes it. */
function today() {
  return new Date().toLocaleDateString("sv-SE");
}

/** A day as Plane writes it, YYYY-MM-DD. */
function day(text) {
  if (!text) return "–";
  const date = new Date(text + "T12:00:00Z");
  return Number.isNaN(date.getTime()) ? text : date.toLocaleDateString(lang, { day: "numeric", month: "short", timeZone: "UTC" });
}
`;
