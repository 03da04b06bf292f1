import fc from "fast-check";
import { expect, test } from "vitest";
import { findDependencyCycles } from "../../../shared/sync/dependency-edges.ts";

const findTestCycles = (waits: Record<string, string[]>) => findDependencyCycles(new Map(Object.entries(waits)));

test("every cycle of a graph is found once, as the same path from whichever node it was found", () => {
  expect(findTestCycles({ a: ["b"], b: ["c", "d"], c: ["d"], d: [] })).toEqual([]);
  expect(findTestCycles({ c: ["b"], b: ["a"], a: ["c"] })).toEqual([["a", "c", "b", "a"]]);
  expect(findTestCycles({ a: ["c"], c: ["b"], b: ["c"] })).toEqual([["b", "c", "b"]]);
  expect(findTestCycles({ a: ["b"], b: ["a", "c"], c: ["d"], d: ["c"], e: ["e"] })).toEqual([
    ["a", "b", "a"],
    ["c", "d", "c"],
    ["e", "e"],
  ]);
  // The cycle of m and x is found only when the search goes on from a start that has led to other cycles.
  const nested = {
    a: ["b", "y"],
    b: ["c"],
    c: ["b"],
    m: ["n", "x"],
    n: ["o"],
    o: ["n"],
    x: ["a", "m"],
    y: ["z"],
    z: ["y"],
  };
  expect(findTestCycles(nested)).toContainEqual(["m", "x", "m"]);
});

test("a chain of 20,000 nodes is searched without a stack overflow", () => {
  const row = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`t${i}`, [`t${i + 1}`]]));
  expect(findTestCycles(row)).toEqual([]);
  expect(findTestCycles({ ...row, t20000: ["t0"] })[0]).toHaveLength(20_002);
});

test("removing the edges of the cycles found makes any random graph acyclic in the end", () => {
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

/** Removes nodes without remaining blockers until no node is left or all of them wait. */
function isAcyclic(waits: Record<string, string[]>): boolean {
  const left = new Map(Object.entries(waits));
  for (;;) {
    const free = [...left].find(([, others]) => others.every((other) => !left.has(other)));
    if (!free) return left.size === 0;
    left.delete(free[0]);
  }
}
