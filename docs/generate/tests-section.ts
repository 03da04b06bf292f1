import { globSync, readFileSync } from "node:fs";
import { renderCode, renderTable } from "./markdown.ts";

/** The test files by the IDs in the titles of their tests. @param id a global pattern whose first group is the ID */
export function renderTests(id: RegExp): string {
  const byId = new Map<string, Set<string>>();
  for (const path of globSync("test/**/*.test.ts").sort())
    for (const [, found = ""] of readFileSync(path, "utf8").matchAll(id))
      byId.set(found, (byId.get(found) ?? new Set()).add(path));
  const rows = [...byId].toSorted(([a], [b]) => a.localeCompare(b, "en", { numeric: true }));
  return renderTable(
    ["ID", "Tests"],
    rows.map(([name, paths]) => [name, [...paths].map(renderCode).join(", ")]),
  );
}
