import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The product's code; what runs it in tests and in the demo follows rules of its own. */
const ROOTS = ["functions", "shared", "runtime"];

export interface SourceFile {
  /** From the project's root, with forward slashes. */
  path: string;
  text: string;
}

/** Every TypeScript file of the product. */
export function readSourceFiles(): SourceFile[] {
  return ROOTS.flatMap((root) =>
    readdirSync(root, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .map((name) => join(root, name).replaceAll("\\", "/"))
      .map((path) => ({ path, text: readFileSync(path, "utf8") })),
  ).toSorted((a, b) => (a.path < b.path ? -1 : 1));
}
