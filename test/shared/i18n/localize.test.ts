import { expect, test } from "vitest";
import {
  formatTemplate,
  localizeCount,
  localizeDate,
  localizeDuration,
  localizeFileSize,
  localizeMoment,
  localizeMomentInSentence,
  localizeMoney,
  localizeMonth,
  localizePercent,
  resolveLocale,
} from "../../../shared/i18n/localize.ts";
import { getTexts } from "../../../shared/i18n/texts.ts";

/** Replaces the two kinds of no-break spaces that `Intl` uses. */
const normalizeSpaces = (text: string) => text.replace(/[\u00a0\u202f]/g, " ");

test("LOCALE sets the language; auto follows the user, and is English without a single user", () => {
  expect(resolveLocale("fr", "en")).toBe("fr");
  expect(resolveLocale("auto", "fr-CA")).toBe("fr");
  expect(["de", "frr", "", null, undefined].map((code) => resolveLocale("auto", code))).toEqual(Array(5).fill("en"));
  expect(getTexts("auto")).toBe(getTexts("en"));
  expect(getTexts("auto", "fr")).toBe(getTexts("fr"));
});

test("a template keeps a placeholder without a value, and placeholders in values are not filled in", () => {
  expect(formatTemplate("{a} waits for {b}", { a: "{b} $& $1" })).toBe("{b} $& $1 waits for {b}");
});

test("counts use the plural forms of the language", () => {
  const [english, french] = [getTexts("en").telegram, getTexts("fr").telegram];
  expect(localizeCount(english, english.events.completed, 1)).toBe("1 task completed");
  expect(normalizeSpaces(localizeCount(french, french.events.completed, 0))).toBe("0 tâche terminée");
  expect(normalizeSpaces(localizeCount(french, french.events.completed, 12_345))).toBe("12 345 tâches terminées");
});

test("durations, dates, percentages, amounts and file sizes are formatted for the language", () => {
  const [morning, nextDay] = [Date.UTC(2026, 11, 3, 8), Date.UTC(2026, 11, 4, 9)];
  const paris = "Europe/Paris";
  for (const [shown, expected] of [
    [localizeDuration("en", 59_000), "<1 min"],
    [localizeDuration("fr", 26 * 3_600_000), "1 j 2 h"],
    [localizeDate("fr", "2026-12-03"), "3 déc. 2026"],
    [localizeDate("en", "soon"), "soon"],
    [localizeMoment("fr", paris, morning, Date.UTC(2026, 11, 3, 9)), "09:00"],
    [localizeMomentInSentence("fr", paris, morning, nextDay), "le 3 déc. 2026 à 09:00"],
    [localizeMomentInSentence("en", paris, morning, nextDay), "Dec 3, 2026 09:00"],
    [localizeMonth("fr", "UTC", Date.UTC(2026, 7, 1)), "août"],
    [localizePercent("fr", 0.4), "40 %"],
    [localizeMoney("en", 4.1, "EUR"), "€4.10"],
    [localizeFileSize("fr", 5 * 2 ** 20 + 2 ** 19), "5,5 Mo"],
  ])
    expect(normalizeSpaces(shown ?? "")).toBe(expected);
});
