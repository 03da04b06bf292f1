import { dirname, join } from "node:path/posix";
import { expect, test } from "vitest";
import { readSourceFiles } from "./support/source-files.ts";

/** Two folders that may import each other, `a <-> b` in alphabetical order, with the reason. */
const EXCEPTIONS: Record<string, string> = {};

const IMPORT = /\b(?:from|import)\s*\(?\s*"(\.{1,2}\/[^"]+)"/g;

/** For each folder the folders it imports from, each with one import that does. Imports of types count. */
function readFolderImports(): Map<string, Map<string, string>> {
  const importsByFolder = new Map<string, Map<string, string>>();
  for (const { path, text } of readSourceFiles()) {
    const folder = dirname(path);
    const imports = importsByFolder.get(folder) ?? new Map<string, string>();
    importsByFolder.set(folder, imports);
    for (const [, specifier = ""] of text.matchAll(IMPORT)) {
      const target = join(folder, specifier);
      if (dirname(target) !== folder) imports.set(dirname(target), `${path} imports ${target}`);
    }
  }
  return importsByFolder;
}

/** `a <-> b`, with an import in each direction. */
function findTwoWayImports(): Map<string, [string, string]> {
  const importsByFolder = readFolderImports();
  const pairs = new Map<string, [string, string]>();
  for (const [folder, imports] of importsByFolder) {
    for (const [other, there] of imports) {
      const back = importsByFolder.get(other)?.get(folder);
      if (back !== undefined && folder < other) pairs.set(`${folder} <-> ${other}`, [there, back]);
    }
  }
  return pairs;
}

test("no two folders of the product import each other", () => {
  const problems = [...findTwoWayImports()].filter(([pair]) => EXCEPTIONS[pair] === undefined);
  expect(problems).toEqual([]);
});

test("every exception to the rule on imports is still needed", () => {
  const pairs = findTwoWayImports();
  expect(Object.keys(EXCEPTIONS).filter((pair) => !pairs.has(pair))).toEqual([]);
});

test("the check finds imports between folders", () => {
  expect(readFolderImports().get("functions/telegram/delivery")?.has("shared/telegram")).toBe(true);
});
