import { globSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

/** A promise's number in the title of a test. */
const TITLE_NUMBER = /\b(?:REL-|reliability )(\d+)/g;
const ROW = /^\| (\d+) \| [^|]+ \| ([^|]+) \|/gm;

function findTitles(): string[] {
  return globSync("test/**/*.test.ts").flatMap((path) => {
    const numbers = [...readFileSync(path, "utf8").matchAll(TITLE_NUMBER)].map(([, number]) => number);
    return [...new Set(numbers)].map((number) => `${number} ${path}`);
  });
}

/** The test files that the page names for each promise. */
function findListedTests(): string[] {
  return [...readFileSync("docs/reliability.md", "utf8").matchAll(ROW)].flatMap(([, number, tests = ""]) =>
    [...tests.matchAll(/`(test\/[^`]+\.test\.ts)`/g)].map(([, path]) => `${number} ${path}`),
  );
}

test("docs/reliability.md lists exactly the tests whose titles name a promise", () => {
  expect(findListedTests().length).toBeGreaterThan(0);
  expect(findListedTests().sort()).toEqual(findTitles().sort());
});
