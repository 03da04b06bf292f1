import { writeFileSync } from "node:fs";
import { renderDocuments } from "./documents.ts";

// Writes the generated sections of docs/: `npm run docs`.
for (const { path, current, expected } of await renderDocuments()) {
  if (current !== expected) writeFileSync(path, expected);
  process.stdout.write(`${path}: ${current === expected ? "unchanged" : "written"}\n`);
}
