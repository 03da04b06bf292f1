import { existsSync, readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { join } from "node:path";
import { expect, test } from "vitest";
import { placeMutant, ROOT, readMutants, readSources } from "./mutant-list.ts";

const mutants = readMutants();
const sources = readSources();

test("at least 200 mutants of the core have different names and one place each, where they are valid TypeScript", () => {
  const problems = mutants.flatMap((mutant) => {
    try {
      stripTypeScriptTypes(placeMutant(mutant, sources).content);
      return [];
    } catch (thrown) {
      return [`${mutant.name}: ${thrown}`];
    }
  });
  expect(problems, "correct or remove these in test/mutants/core.mutants").toEqual([]);
  expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
  expect(mutants.length).toBeGreaterThanOrEqual(200);
});

test("every file of tests that a mutant or its hint names exists, and every hint is for a mutant", () => {
  const hints: Record<string, string> = JSON.parse(readFileSync(join(import.meta.dirname, "hints.json"), "utf8"));
  const paths = new Set([...mutants.flatMap(({ area }) => area), ...Object.values(hints)]);
  const gone = [...paths].filter((path) => !existsSync(join(ROOT, path)));
  expect(gone, "correct these in test/mutants/core.mutants and hints.json").toEqual([]);
  const names = new Set(mutants.map(({ name }) => name));
  expect(Object.keys(hints).filter((name) => !names.has(name))).toEqual([]);
});

test("a mutant is found after its function was moved to another file, and an ambiguous one is refused", () => {
  const [mutant] = readMutants("== a.ts: test\nadd: it subtracts\n- a + b\n+ a - b\n");
  if (!mutant) throw new Error("one mutant");
  const source = "function add(a, b) {\n  return a +\n    b;\n}\n\nfunction sum(a, b) {\n  return a + b;\n}\n";
  const found = placeMutant(mutant, new Map([["b.ts", source]]));
  expect(found).toEqual({ path: "b.ts", content: source.replace("a +\n    b", "a - b") });
  const twice = ["b.ts", "c.ts"].map((path) => [path, source] as const);
  expect(() => placeMutant(mutant, new Map(twice))).toThrow(
    '2 places for the mutant "add: it subtracts" (a.ts): a + b',
  );
});
