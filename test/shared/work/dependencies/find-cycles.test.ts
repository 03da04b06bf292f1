import fc from "fast-check";
import { expect, test } from "vitest";
import { findDependencyCycles } from "../../../../shared/work/dependencies/find-cycles.ts";

const findTestCycles = (waits: Record<string, string[]>) => findDependencyCycles(new Map(Object.entries(waits)));

test("what waits for nobody, or in a row, is no circle", () => {
  expect(findTestCycles({})).toEqual([]);
  expect(findTestCycles({ a: ["b"], b: ["c", "d"], c: ["d"], d: [] })).toEqual([]);
});

test("a circle is told as the path that leads round, from whichever end it was found", () => {
  expect(findTestCycles({ c: ["b"], b: ["a"], a: ["c"] })).toEqual([["a", "c", "b", "a"]]);
  expect(findTestCycles({ z: ["c"], c: ["b"], b: ["c"] })).toEqual([["b", "c", "b"]]);
});

test("what waits for itself is a circle of one", () => {
  expect(findTestCycles({ a: ["a"] })).toEqual([["a", "a"]]);
});

test("several circles are all told, also those behind another", () => {
  expect(findTestCycles({ a: ["b"], b: ["a", "c"], c: ["d"], d: ["c"], e: ["e"] })).toEqual([
    ["a", "b", "a"],
    ["c", "d", "c"],
    ["e", "e"],
  ]);
});

test("a row of 20,000 is looked through without trouble", () => {
  const row = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`t${i}`, [`t${i + 1}`]]));
  expect(findTestCycles(row)).toEqual([]);
  expect(findTestCycles({ ...row, t20000: ["t0"] })[0]).toHaveLength(20_002);
});

test("whatever waits for whatever, taking a found circle's waits away leads to an order in the end", () => {
  const names = fc.constantFrom("a", "b", "c", "d", "e", "f");
  fc.assert(
    fc.property(fc.dictionary(names, fc.uniqueArray(names, { maxLength: 4 })), (waits) => {
      const found = findTestCycles(waits);
      for (const path of found) {
        expect(path[0]).toBe(path.at(-1));
        for (const [i, name] of path.slice(0, -1).entries()) expect(waits[name]).toContain(path[i + 1]);
      }
      if (found.length === 0) expect(isAcyclic(waits)).toBe(true);
      else expect(isAcyclic(waits)).toBe(false);
    }),
  );
});

/** Takes away what waits for nothing that is left, until nothing is left or everything waits. */
function isAcyclic(waits: Record<string, string[]>): boolean {
  const left = new Map(Object.entries(waits));
  for (;;) {
    const free = [...left].find(([, others]) => others.every((other) => !left.has(other)));
    if (!free) return left.size === 0;
    left.delete(free[0]);
  }
}
