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
  expect(localizeCount(english, english.events.completed, 0)).toBe("0 tasks completed");
  expect(normalizeSpaces(localizeCount(french, french.events.completed, 0))).toBe("0 tâche terminée");
  expect(normalizeSpaces(localizeCount(french, french.events.completed, 12_345))).toBe("12 345 tâches terminées");
});

test("durations, dates, percentages, amounts and file sizes are formatted for the language", () => {
  expect(localizeDuration("en", 59_000)).toBe("<1 min");
  expect(normalizeSpaces(localizeDuration("fr", 26 * 3_600_000))).toBe("1 j 2 h");
  expect(localizeDuration("en", 3 * 86_400_000 + 59_000)).toBe("3 days");
  expect(localizeDate("fr", "2026-12-03")).toBe("3 déc. 2026");
  expect(localizeDate("en", "soon")).toBe("soon");
  expect(localizeMoment("fr", "Europe/Paris", Date.UTC(2026, 11, 3, 8), Date.UTC(2026, 11, 3, 9))).toBe("09:00");
  const [morning, nextDay] = [Date.UTC(2026, 11, 3, 8), Date.UTC(2026, 11, 4, 9)];
  expect(localizeMomentInSentence("fr", "Europe/Paris", morning, nextDay)).toBe("le 3 déc. 2026 à 09:00");
  expect(localizeMomentInSentence("fr", "Europe/Paris", morning, morning)).toBe("09:00");
  expect(localizeMomentInSentence("en", "Europe/Paris", morning, nextDay)).toBe("Dec 3, 2026 09:00");
  expect(localizeMonth("fr", "UTC", Date.UTC(2026, 7, 1))).toBe("août");
  expect(["en", "fr"].map((locale) => normalizeSpaces(localizePercent(resolveLocale("auto", locale), 0.4)))).toEqual([
    "40%",
    "40 %",
  ]);
  expect([localizeMoney("en", 4.1, "EUR"), localizeMoney("en", 4.123)]).toEqual(["€4.10", "4.12"]);
  expect([localizeFileSize("en", 900), localizeFileSize("en", 1536)]).toEqual(["900 bytes", "1.5 KB"]);
  expect(normalizeSpaces(localizeFileSize("fr", 5 * 2 ** 20 + 2 ** 19))).toBe("5,5 Mo");
});
