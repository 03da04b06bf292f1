import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Folders of the product's code; tests, demo and simulators have other rules. */
const ROOTS = ["functions", "shared", "runtime"];

export interface SourceFile {
  /** From the project's root, with forward slashes. */
  path: string;
  text: string;
}

/** Reads every TypeScript file of the product, sorted by path. */
export function readSourceFiles(): SourceFile[] {
  return ROOTS.flatMap((root) =>
    readdirSync(root, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .map((name) => join(root, name).replaceAll("\\", "/"))
      .map((path) => ({ path, text: readFileSync(path, "utf8") })),
  ).toSorted((a, b) => (a.path < b.path ? -1 : 1));
}
