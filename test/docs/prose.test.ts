import { expect, test } from "vitest";
import { PAGES, readBlocks, readProse } from "./document-blocks.ts";

/** Most words of README and docs/ without their generated sections and without docs/decisions. */
const MOST_WORDS = 25_000;

const countWords = (text: string) => text.split(/\s+/).filter(Boolean).length;

test(`README and docs/ have at most ${MOST_WORDS} words, without what is generated`, () => {
  const words = Object.fromEntries(PAGES.map((page) => [page, countWords(readProse(page))]));
  const total = Object.values(words).reduce((sum, count) => sum + count, 0);
  expect(total, JSON.stringify(words, undefined, 2)).toBeLessThanOrEqual(MOST_WORDS);
});

/** Pages about nothing that one does with commands. */
const WITHOUT_COMMANDS = ["docs/left-out.md", "docs/messages.md"];

test.each(PAGES.filter((page) => !WITHOUT_COMMANDS.includes(page) && page !== "README.md"))(
  "%s starts with the commands for the usual case",
  (page) => {
    const [first] = readBlocks(page);
    expect(first?.heading).toBe(/^# (.+)$/m.exec(readProse(page))?.[1]);
  },
);

test("docs/troubleshooting.md answers first why an agent was not woken", () => {
  expect(/^## (.+)$/m.exec(readProse("docs/troubleshooting.md"))?.[1]).toBe("Why was my agent not woken?");
});

test("README says how to clone the repository", () => {
  expect(readProse("README.md")).toMatch(/^git clone \S+/m);
});
