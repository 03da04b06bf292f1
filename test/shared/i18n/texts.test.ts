import { describe, expect, test } from "vitest";
import { COMMAND_NAMES } from "../../../shared/i18n/texts/answer-texts.ts";
import { getTexts } from "../../../shared/i18n/texts/get-texts.ts";
import { EVENT_KINDS } from "../../../shared/task/events.ts";

/** Every text of a language with its place, such as `telegram.events.created`. */
function flattenTexts(value: object, path = ""): [string, string][] {
  return Object.entries(value).flatMap(([name, inner]): [string, string][] => {
    const place = path === "" ? name : `${path}.${name}`;
    return typeof inner === "string" ? [[place, inner]] : flattenTexts(inner, place);
  });
}

const ENGLISH = new Map(flattenTexts(getTexts("en")));

/** The same word in both languages. */
const SAME_IN_BOTH: readonly string[] = [
  "telegram.events.asked",
  "telegram.counted.asked.one",
  "telegram.counted.asked.other",
  "telegram.fields.agent",
  "telegram.fields.cycle",
  "telegram.fields.dates",
  "telegram.answers.fields.about",
  "telegram.answers.fields.text",
  "telegram.live.text",
  "page.agent",
  "page.via.webhook",
  "page.chat.notices",
  "page.news.one",
  "comments.headings.question",
  "comments.question",
];

describe("the French texts", () => {
  const french = new Map(flattenTexts(getTexts("fr")));

  test("are as many as the English ones", () => {
    expect([...french.keys()].sort()).toEqual([...ENGLISH.keys()].sort());
  });

  test("have no empty text and none left in English", () => {
    const left = [...french].filter(([place, text]) => text === "" || text === ENGLISH.get(place));
    expect(left.map(([place]) => place).filter((place) => !SAME_IN_BOTH.includes(place))).toEqual([]);
  });

  test("keep every placeholder", () => {
    const placeholders = (text = "") => (text.match(/\{\w+\}/g) ?? []).sort();
    for (const [place, text] of french) expect(placeholders(text), place).toEqual(placeholders(ENGLISH.get(place)));
  });

  test("have a no-break space before : ; ! ? » % and after «, and a curly apostrophe", () => {
    const hasPlainSpace = (text: string) => / [:;!?»%]|« /.test(text);
    // A command's arguments come after `/plane help:` and a time has a colon without a space.
    const hasNoSpace = (text: string) => /[\p{L})}][;!?»]|«\S|\p{L}:(?!\S)/u.test(text.replaceAll("\u00a0", " "));
    const wrong = [...french].filter(([, text]) => hasPlainSpace(text) || hasNoSpace(text) || text.includes("'"));
    expect(wrong).toEqual([]);
  });
});

test.each(["en", "fr"] as const)("every event and command has its texts in %s", (locale) => {
  const { events, counted, answers } = getTexts(locale).telegram;
  expect(Object.keys(events)).toEqual([...EVENT_KINDS]);
  expect(Object.keys(counted)).toEqual([...EVENT_KINDS]);
  expect(Object.keys(answers.commands)).toEqual([...COMMAND_NAMES]);
});

test.each(["en", "fr"] as const)("the headline of each event begins with a capital letter in %s", (locale) => {
  const { events } = getTexts(locale).telegram;
  expect(Object.entries(events).filter(([, headline]) => !/^\p{Lu}/u.test(headline))).toEqual([]);
});
