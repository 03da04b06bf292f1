import { globSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { z } from "../../../runtime/workers/zod.ts";

/** Names of types, which a bundle does not contain. */
const TYPES = new Set(["infer", "input", "output", "core"]);

test("the Worker's zod has every function that the product uses", () => {
  const paths = globSync("{shared,functions,runtime}/**/*.ts");
  const used = paths.flatMap((path) =>
    [...readFileSync(path, "utf8").matchAll(/\bz\.([a-z]\w*)/g)].map(([, name = ""]) => name),
  );
  // A chain that begins on one line and goes on in the next.
  const chained = paths.flatMap((path) =>
    [...readFileSync(path, "utf8").matchAll(/\bz\n\s*\.([a-z]\w*)/g)].map(([, name = ""]) => name),
  );
  const missing = [...new Set([...used, ...chained])].filter((name) => !TYPES.has(name) && !(name in z));
  expect([used.length > 500, missing]).toEqual([true, []]);
});
