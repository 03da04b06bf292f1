import { describe, expect, test } from "vitest";
import {
  getTelegramTexts,
  localizeCount,
  localizeDate,
  localizeDuration,
} from "../../../functions/telegram/locales/localize.ts";
import { telegramTextsEn } from "../../../functions/telegram/locales/telegram-texts-en.ts";
import { telegramTextsFr } from "../../../functions/telegram/locales/telegram-texts-fr.ts";
import { EVENT_KINDS } from "../../../shared/task/events.ts";

/** Every text of a language with its place, such as `events.created`. */
function flattenTexts(value: object, path = ""): [string, string][] {
  return Object.entries(value).flatMap(([name, inner]): [string, string][] => {
    const place = path === "" ? name : `${path}.${name}`;
    return typeof inner === "string" ? [[place, inner]] : flattenTexts(inner, place);
  });
}

const ENGLISH = new Map(flattenTexts(telegramTextsEn));

/** The same word in both languages. */
const SAME_IN_BOTH = [
  "fields.agent",
  "fields.cycle",
  "fields.dates",
  "events.asked",
  "counted.asked.one",
  "counted.asked.other",
];

describe.each([{ texts: telegramTextsFr }])("the language $texts.locale", ({ texts }) => {
  const all = new Map(flattenTexts(texts));

  test("lacks no text and has none that is not used", () => {
    expect([...all.keys()].sort()).toEqual([...ENGLISH.keys()].sort());
  });

  test("has no empty text and none left in English", () => {
    const left = [...all].filter(([place, text]) => text.trim() === "" || text === ENGLISH.get(place));
    expect(left.map(([place]) => place).filter((place) => !SAME_IN_BOTH.includes(place))).toEqual([]);
  });

  test("keeps every placeholder", () => {
    const placeholders = (text = "") => (text.match(/\{\w+\}/g) ?? []).sort();
    for (const [place, text] of all) expect(placeholders(text), place).toEqual(placeholders(ENGLISH.get(place)));
  });
});

test.each([telegramTextsEn, telegramTextsFr])("every event has its texts in $locale", ({ events, counted }) => {
  expect(Object.keys(events)).toEqual([...EVENT_KINDS]);
  expect(Object.keys(counted)).toEqual([...EVENT_KINDS]);
});

test("LOCALE auto is English in a notice, since it is for nobody in particular", () => {
  expect(getTelegramTexts("auto")).toBe(telegramTextsEn);
  expect(getTelegramTexts("fr")).toBe(telegramTextsFr);
});

test("numbers, lengths of time and dates are written as people of the language write them", () => {
  const plain = (text: string) => text.replace(/[\u00a0\u202f]/g, " ");
  expect(localizeCount(telegramTextsEn, telegramTextsEn.counted.completed, 1)).toBe("1 task completed");
  expect(localizeCount(telegramTextsEn, telegramTextsEn.counted.completed, 0)).toBe("0 tasks completed");
  expect(plain(localizeCount(telegramTextsFr, telegramTextsFr.counted.completed, 0))).toBe("0 tâche terminée");
  expect(plain(localizeCount(telegramTextsFr, telegramTextsFr.counted.completed, 12_345))).toBe(
    "12 345 tâches terminées",
  );
  expect(localizeDuration("en", 59_000)).toBe("<1 min");
  expect(plain(localizeDuration("fr", 26 * 3_600_000))).toBe("1 j 2 h");
  expect(localizeDuration("en", 3 * 86_400_000 + 59_000)).toBe("3 days");
  expect(localizeDate("fr", "2026-12-03")).toBe("3 déc. 2026");
  expect(localizeDate("en", "soon")).toBe("soon");
});
