import type { Locale } from "../../../shared/i18n/locale.ts";
import { DAY } from "../../../shared/time.ts";
import { isDay } from "../../../shared/work/planning/create-task.ts";
import { normalizeName } from "./match-name.ts";

/** Words for a day, without accents and apostrophes, as the number of days from today. */
const DAY_WORDS: Record<string, number> = {
  today: 0,
  "aujourd hui": 0,
  aujourdhui: 0,
  tomorrow: 1,
  demain: 1,
  "apres demain": 2,
};
/** Names of weekdays in English and French, Sunday first. */
const WEEKDAYS: readonly (readonly string[])[] = [
  ["sunday", "sun", "dimanche", "dim"],
  ["monday", "mon", "lundi", "lun"],
  ["tuesday", "tue", "mardi", "mar"],
  ["wednesday", "wed", "mercredi", "mer"],
  ["thursday", "thu", "jeudi", "jeu"],
  ["friday", "fri", "vendredi", "ven"],
  ["saturday", "sat", "samedi", "sam"],
];
const CLEAR_WORDS: readonly string[] = ["-", "–", "none", "aucune", "aucun"];
/** Words before a date that change nothing: “on friday”, “le 1/12/2026”. */
const PREFIX = /^(?:on|by|le|pour le|ce)\s+/;
const PERIOD = /^(?:in\s+|dans\s+|\+)?(\d{1,3})\s*(d|days?|j|jours?|w|weeks?|sem|semaines?)$/;
const DAY_FIRST = /^(\d{1,2})([./])(\d{1,2})\2(\d{4})$/;

/**
 * Parses a due date that a person wrote, in English or French: `2026-12-01`, `1.12.2026`, `tomorrow`, `vendredi` (the
 * next one, never today), `in 3 days`, `-` for none. `01/12/2026` is read day first in French only, because elsewhere it
 * may mean January. Returns `YYYY-MM-DD`, null for no date, undefined for anything else.
 * @param today the calendar day in the settings' time zone
 */
export function parseDueDate(text: string, today: string, locale: Locale): string | null | undefined {
  const words = normalizeName(text)
    .replace(/['’]/g, " ")
    .replace(/-(?=[a-z])/g, " ")
    .replace(PREFIX, "")
    .trim();
  if (CLEAR_WORDS.includes(words)) return null;
  if (isDay(words)) return words;
  const [, day = "", separator, month = "", year = ""] = DAY_FIRST.exec(words) ?? [];
  if (separator === "." || (separator === "/" && locale === "fr")) {
    const date = `${year}-${month.padStart(2, "0")}-${day.padStart(2, "0")}`;
    return isDay(date) ? date : undefined;
  }
  const days = DAY_WORDS[words] ?? findWeekday(words, today) ?? parsePeriod(words);
  return days === undefined ? undefined : addDays(today, days);
}

/** The number of days until the next weekday of this name; 7 when it is today. */
function findWeekday(word: string, today: string): number | undefined {
  const wanted = WEEKDAYS.findIndex((names) => names.includes(word));
  if (wanted === -1) return undefined;
  const current = new Date(`${today}T00:00:00Z`).getUTCDay();
  return ((wanted - current + 6) % 7) + 1;
}

function parsePeriod(words: string): number | undefined {
  const [, count = "", unit = ""] = PERIOD.exec(words) ?? [];
  if (unit === "") return undefined;
  return Number(count) * (/^[ws]/.test(unit) ? 7 : 1);
}

/** Calculates in UTC, so that changes to and from summer time do not matter. */
function addDays(date: string, days: number): string {
  return new Date(Date.parse(`${date}T00:00:00Z`) + days * DAY).toISOString().slice(0, 10);
}
