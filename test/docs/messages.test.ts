import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { listTexts, OTHER_TEXTS, RECEIVED_TEXTS } from "../../docs/generate/messages-sections.ts";
import { LOCALES } from "../../shared/i18n/localize.ts";
import { getTexts } from "../../shared/i18n/texts.ts";

const shown = readFileSync("docs/messages.md", "utf8").replaceAll("<br>", "\n").replace(/\\(.)/g, "$1");

test("docs/messages.md has every text that a person can receive, in both languages", () => {
  const sections = Object.keys(getTexts("en")).filter((name) => !OTHER_TEXTS.includes(name));
  const unknown = sections.filter((name) => RECEIVED_TEXTS[name] === undefined);
  expect(unknown, "sections of shared/i18n that docs/generate/messages-sections.ts does not render").toEqual([]);
  const texts = sections.flatMap(listTexts);
  expect(texts.length).toBeGreaterThan(500);
  for (const locale of LOCALES) {
    const missing = texts.filter((one) => !shown.includes(one.texts[locale].trim()));
    expect(missing.map(({ name }) => name)).toEqual([]);
  }
});

test("docs/messages.md shows no Markdown of agents and no placeholder", () => {
  expect(shown.match(/\*\*|\{\w+\}/g)).toBeNull();
});
