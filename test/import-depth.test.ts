import { posix } from "node:path";
import { parseAst } from "rolldown/parseAst";
import { expect, test } from "vitest";
import { z } from "zod";
import { readSourceFiles } from "./support/source-files.ts";

/** Limit of a chain of imports, in modules: docs/decisions/0059-modules-by-subject.md. */
const MAX_DEPTH = 20;

/** What stands in the place of a source: of an import or export, of `import()`, and of a type from a module. */
const sourceSchema = z.object({ value: z.string().startsWith(".") });

/** The modules that a module imports, by its path in the repository; an import of a type counts, too. */
const importsByPath = new Map<string, string[]>();
for (const { path, text } of readSourceFiles([".ts", ".js"])) {
  const lang = path.endsWith(".js") ? "js" : path.endsWith(".d.ts") ? "dts" : "ts";
  const found: string[] = [];
  // JSON.stringify visits every node of the tree.
  JSON.stringify(parseAst(text, { lang }), (key, node: unknown) => {
    const source = key === "source" ? sourceSchema.safeParse(node).data?.value : undefined;
    if (source !== undefined) found.push(posix.join(posix.dirname(path), source));
    return typeof node === "bigint" ? undefined : node;
  });
  importsByPath.set(path, found);
}

const chains = new Map<string, string[]>();

/** The longest chain of imports that begins with this module. No modules import each other: the linter sees to it. */
function findLongestChain(path: string): string[] {
  const known = chains.get(path);
  if (known) return known;
  const inner = (importsByPath.get(path) ?? [])
    .filter((one) => importsByPath.has(one))
    .map(findLongestChain)
    .reduce((longest, chain) => (chain.length > longest.length ? chain : longest), []);
  const chain = [path, ...inner];
  chains.set(path, chain);
  return chain;
}

test(`no chain of imports is longer than ${MAX_DEPTH} modules`, () => {
  expect(findLongestChain("runtime/start.js").length).toBeGreaterThan(10);
  const tooLong = [...importsByPath.keys()].map(findLongestChain).filter((chain) => chain.length > MAX_DEPTH);
  expect(tooLong.map((chain) => chain.join(" → "))).toEqual([]);
});
