import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Folders of the product's code; tests, demo and simulators have other rules. */
const ROOTS = ["functions", "shared", "runtime"];

export interface SourceFile {
  /** From the project's root, with forward slashes. */
  path: string;
  text: string;
}

/** Reads every file of the product with one of these endings, sorted by path. */
export function readSourceFiles(endings: readonly string[] = [".ts"]): SourceFile[] {
  return ROOTS.flatMap((root) =>
    readdirSync(root, { recursive: true, encoding: "utf8" })
      .filter((name) => endings.some((ending) => name.endsWith(ending)))
      .map((name) => join(root, name).replaceAll("\\", "/"))
      .map((path) => ({ path, text: readFileSync(path, "utf8") })),
  ).toSorted((a, b) => (a.path < b.path ? -1 : 1));
}
