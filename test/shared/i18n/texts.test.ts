import { expect, test } from "vitest";
import { COMMAND_NAMES } from "../../../shared/i18n/texts/answer-texts.ts";
import { getTexts } from "../../../shared/i18n/texts/get-texts.ts";
import { EVENT_KINDS } from "../../../shared/task/events.ts";

/** Lists the texts of a language with their paths, such as `telegram.events.created`. */
function flattenTexts(value: object, path = ""): [string, string][] {
  return Object.entries(value).flatMap(([name, inner]): [string, string][] => {
    const innerPath = path === "" ? name : `${path}.${name}`;
    return typeof inner === "string" ? [[innerPath, inner]] : flattenTexts(inner, innerPath);
  });
}

const ENGLISH = new Map(flattenTexts(getTexts("en")));

/** Texts that are the same in both languages. */
const SAME_IN_BOTH: readonly string[] = [
  "telegram.events.asked",
  "telegram.counted.asked.one",
  "telegram.counted.asked.other",
  "telegram.fields.agent",
  "telegram.fields.cycle",
  "telegram.fields.dates",
  "telegram.answers.fields.about",
  "telegram.answers.fields.text",
  "telegram.live.message",
  "telegram.live.plan.total",
  "telegram.live.text",
  "page.agent",
  "page.plan",
  "page.plans",
  "page.via.webhook",
  "page.chat.notices",
  "page.news.one",
  "comments.headings.question",
  "comments.question",
];

const french = new Map(flattenTexts(getTexts("fr")));

test("the French texts have the same names as the English ones", () => {
  expect([...french.keys()].sort()).toEqual([...ENGLISH.keys()].sort());
});

test("the French texts are neither empty nor in English", () => {
  const untranslated = [...french].filter(([path, text]) => text === "" || text === ENGLISH.get(path));
  expect(untranslated.map(([path]) => path).filter((path) => !SAME_IN_BOTH.includes(path))).toEqual([]);
});

test("the French texts have the placeholders of the English ones", () => {
  const listPlaceholders = (text = "") => (text.match(/\{\w+\}/g) ?? []).sort();
  for (const [path, text] of french) expect(listPlaceholders(text), path).toEqual(listPlaceholders(ENGLISH.get(path)));
});

test("the French texts have a no-break space before : ; ! ? » % and after «, and a curly apostrophe", () => {
  const hasPlainSpace = (text: string) => / [:;!?»%]|« /.test(text);
  // A colon without a space is allowed before a line break or at the end, and in a time (08:00).
  const hasNoSpace = (text: string) => /[\p{L})}][;!?»]|«\S|\p{L}:(?!\S)/u.test(text.replaceAll("\u00a0", " "));
  const wrong = [...french].filter(([, text]) => hasPlainSpace(text) || hasNoSpace(text) || text.includes("'"));
  expect(wrong).toEqual([]);
});

test.each(["en", "fr"] as const)("each event and each command has texts in %s", (locale) => {
  const { events, counted, answers } = getTexts(locale).telegram;
  expect(Object.keys(events)).toEqual([...EVENT_KINDS]);
  expect(Object.keys(counted)).toEqual([...EVENT_KINDS]);
  expect(Object.keys(answers.commands)).toEqual([...COMMAND_NAMES]);
});

test.each(["en", "fr"] as const)("the headline of each event begins with a capital letter in %s", (locale) => {
  const { events } = getTexts(locale).telegram;
  expect(Object.entries(events).filter(([, headline]) => !/^\p{Lu}/u.test(headline))).toEqual([]);
});
