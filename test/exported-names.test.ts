import { expect, test } from "vitest";
import { readSourceFiles } from "./support/source-files.ts";

/** Names that may be exported by several files, with the reason; at most five. */
const EXPORTED_TWICE: Record<string, string> = {
  TEXTS: "the build of the terminal's document puts terminal-texts.ts in the place of page-texts.ts",
};

/** Functions that may be named against the rule, with the reason. */
const NAMED_OTHERWISE: Record<string, string> = {
  findShownAt: "it finds the time `shownAt`: a verb and what it finds",
};

const IRREGULAR_PARTICIPLES = new Set(
  (
    "begun bound broken brought built chosen cut dealt done drawn driven fallen felt found forgotten given gone grown " +
    "heard held hidden kept known laid left lent lost made meant met paid said seen sent shown " +
    "spent spoken stood stuck struck sworn taken taught thought thrown told understood withheld woken won worn " +
    "written"
  ).split(" "),
);

const FINAL_PREPOSITION = /[a-z](?:About|As|At|By|For|From|In|Into|Of|On|Onto|Per|To|Upon|With|Within|Without)$/;

const EXPORT = /^export (async function\*?|function\*?|const|let|class|abstract class|interface|type|enum) (\w+)/;

/** A line that exports an arrow function. */
const ARROW_FUNCTION = /^export const \w+[^=]* = (?:async )?(?:<[^>]*>)?(?:\(|\w+ =>)/;

interface ExportedName {
  name: string;
  path: string;
  isFunction: boolean;
}

const exportedNames: ExportedName[] = [];
const unreadableExports: string[] = [];
for (const { path, text } of readSourceFiles()) {
  for (const line of text.split("\n").filter((one) => /^export (?!default )/.test(one))) {
    const [, kind, name] = EXPORT.exec(line) ?? [];
    if (kind === undefined || name === undefined) unreadableExports.push(`${path}: ${line}`);
    else exportedNames.push({ name, path, isFunction: kind.includes("function") || ARROW_FUNCTION.test(line) });
  }
}

function isPastParticiple(name: string): boolean {
  return /^[a-z]+ed$/.test(name) || IRREGULAR_PARTICIPLES.has(name);
}

test("every export of the product is a declaration whose name can be checked", () => {
  expect(exportedNames.length).toBeGreaterThan(1_000);
  expect(unreadableExports).toEqual([]);
});

test("every exported name is exported by one file only", () => {
  const filesByName = new Map<string, Set<string>>();
  for (const { name, path } of exportedNames) filesByName.set(name, (filesByName.get(name) ?? new Set()).add(path));
  const repeated = [...filesByName].filter(([name, files]) => files.size > 1 && EXPORTED_TWICE[name] === undefined);
  expect(repeated.map(([name, files]) => `${name} (${[...files].join(", ")})`)).toEqual([]);
  expect(Object.keys(EXPORTED_TWICE).length).toBeLessThanOrEqual(5);
});

test("no exported function is named by a bare past participle, and none's name ends in a preposition", () => {
  const isBad = (name: string) => isPastParticiple(name) || FINAL_PREPOSITION.test(name);
  for (const name of ["told", "blocked", "textOf", "roomIn"]) expect(isBad(name)).toBe(true);
  const functions = exportedNames.filter(({ name, isFunction }) => isFunction && NAMED_OTHERWISE[name] === undefined);
  expect(functions.filter(({ name }) => isBad(name)).map(({ name, path }) => `${name} (${path})`)).toEqual([]);
});

test("every exception to the rules on names is still needed", () => {
  const names = new Set(exportedNames.map(({ name }) => name));
  const exceptions = [...Object.keys(EXPORTED_TWICE), ...Object.keys(NAMED_OTHERWISE)];
  expect(exceptions.filter((name) => !names.has(name))).toEqual([]);
});
