import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
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
import { COMMAND_NAMES, getTexts, TICKET_PAGE_TEXTS } from "../../../shared/i18n/texts.ts";
import { EVENT_KINDS } from "../../../shared/task/events.ts";

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

/** Lists the texts of a language with their paths, such as `telegram.events.created`. */
function flattenTexts(value: object, path = ""): [string, string][] {
  return Object.entries(value).flatMap(([name, inner]): [string, string][] => {
    const innerPath = path === "" ? name : `${path}.${name}`;
    return typeof inner === "string" ? [[innerPath, inner]] : flattenTexts(inner, innerPath);
  });
}

const listTexts = (locale: "en" | "fr") => flattenTexts({ ...getTexts(locale), ...TICKET_PAGE_TEXTS[locale] });

const ENGLISH = new Map(listTexts("en"));

/** Words that are the same in both languages. */
const SAME_IN_BOTH =
  /^(action|agent|budget|commits?|concierge|dates|description|message|notifications|page|plans?|questions?|runner|sessions?|source|terminal|tests?|tickets?|total|webhook)?$/i;

const french = new Map(listTexts("fr"));

test("the French texts have the names and placeholders of the English ones, and are neither empty nor in English", () => {
  expect([...french.keys()].sort()).toEqual([...ENGLISH.keys()].sort());
  const listPlaceholders = (text = "") => (text.match(/\{\w+\}/g) ?? []).sort();
  for (const [path, text] of french) expect(listPlaceholders(text), path).toEqual(listPlaceholders(ENGLISH.get(path)));
  const withoutMarks = (text: string) => text.replace(/<[^>]*>|\{\w+\}|[^\p{L}]/gu, "");
  const untranslated = [...french].filter(([path, text]) => text === "" || text === ENGLISH.get(path));
  expect(untranslated.filter(([, text]) => text === "" || !SAME_IN_BOTH.test(withoutMarks(text)))).toEqual([]);
});

test("counts have both plural forms of each language, with the number in them", () => {
  const forms = [...ENGLISH.keys()].filter(
    (path) => path.endsWith(".one") && ENGLISH.has(path.replace(/one$/, "other")),
  );
  expect(forms.length).toBeGreaterThan(40);
  const paths = forms.flatMap((path) => [path, path.replace(/one$/, "other")]);
  const withoutNumber = [ENGLISH, french].flatMap((texts) => paths.filter((path) => !texts.get(path)?.includes("{n}")));
  expect(withoutNumber.filter((path) => !path.startsWith("page."))).toEqual([]);
});

test("the French texts have no-break spaces at marks and before units, curly apostrophes, and an ellipsis of one character", () => {
  // A narrow space before ; ! ? %, a wide one before : » and after «.
  const isWrong = (text: string) =>
    /[^\u202f][;!?%]|[^\u00a0]»|«[^\u00a0]/.test(text) ||
    // A colon without a space is allowed in a time (08:00).
    /[^\u00a0\d]:/.test(text);
  // Tags and lines of the settings file are no French.
  const onlyFrench = (text: string) => text.replace(/<[^<>]*>|"\w+": "\w+"/g, "");
  expect([...french].filter(([, text]) => isWrong(onlyFrench(text)))).toEqual([]);
  expect([...french].filter(([, text]) => /'|\.\.\.|\} (?:s|min|h|Mio|Ko)\b/.test(text))).toEqual([]);
});

test.each(["en", "fr"] as const)("each event and each command has texts in %s", (locale) => {
  const { events, answers } = getTexts(locale).telegram;
  expect(Object.keys(events)).toEqual([...EVENT_KINDS]);
  expect(Object.keys(answers.commands)).toEqual(COMMAND_NAMES);
});

/** Code that shows texts to people, in Telegram and on the page. */
const SHOWS_TEXTS = [
  ...["commands", "delivery", "digest", "live-messages", "presentation"].map((name) => `functions/telegram/${name}`),
  "functions/dashboard/page/script",
  "functions/wake/review-wakes.ts",
  "shared/monitoring",
  "shared/tasks/card-comment.ts",
];

/** Code that writes HTML to Plane; its other texts are for agents and the log. */
const WRITES_HTML = ["functions/canary.ts", "functions/provision", "shared/tasks", "shared/sync"];

/** What stands before a text for the log, for agents and administrators (errors), or for a job's record. */
const FOR_OTHERS =
  /(?:log(?:\.\w+|\[[^\]]*\])|new \w*Error)\($|(?:refused|dead|reason|message)\b[^;]{0,60}$|Error\([^;]{0,60}$/i;

const LITERALS = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g;

function listFiles(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path).flatMap((name) => listFiles(join(path, name)));
}

function findLiterals(file: string): { text: string; before: string }[] {
  const code = readFileSync(file, "utf8");
  return [...code.matchAll(LITERALS)]
    .filter(([literal]) => !literal.startsWith("/"))
    .map(({ 0: literal, index }) => ({
      text: literal.slice(1, -1).replace(/\$\{[^}]*\}/g, "§"),
      before: code.slice(Math.max(0, index - 120), index).trimEnd(),
    }));
}

/** The design page is for developers. */
const DEVELOPMENT = "functions/dashboard/page/script/design.tsx";

const listCode = (paths: string[]) =>
  paths.flatMap(listFiles).filter((file) => /(?<!\.d)\.(?:tsx?|js)$/.test(file) && file !== DEVELOPMENT);

test("messages and the page have their texts from the tables of texts, not from the code", () => {
  const files = listCode(SHOWS_TEXTS);
  const texts = files.flatMap((file) =>
    findLiterals(file)
      // A command is the same in every language.
      .filter(({ text, before }) => !FOR_OTHERS.test(before) && !text.startsWith("groundcrew "))
      // Three words, or two of which the first begins a sentence. Attributes of elements have fewer.
      .filter(({ text }) => /\p{L}{2,} \p{Ll}{2,} \p{Ll}{2,}|(?:^|[>\s])\p{Lu}\p{Ll}+ \p{Ll}{2,}/u.test(text))
      .map(({ text }) => `${file}: ${text}`),
  );
  expect(files.length).toBeGreaterThan(25);
  expect(texts).toEqual([]);
});

test("what Groundcrew writes to Plane has its words from the tables of texts, not from the code", () => {
  const texts = listCode(WRITES_HTML).flatMap((file) =>
    findLiterals(file)
      .filter(({ text }) => /<(?:p|strong|li|em|td)>[^<>§{]*\p{L}{3,}/u.test(text))
      .map(({ text }) => `${file}: ${text}`),
  );
  expect(texts).toEqual([]);
});
