#!/usr/bin/env node
// Plain JavaScript, so that a Node that cannot run TypeScript can still say so; it has no compile cache either.
import { fileURLToPath } from "node:url";

if (process.features.typescript) {
  const { enableCompileCache } = await import("node:module");
  // With types stripped and code compiled at an earlier start, this one is faster.
  enableCompileCache(fileURLToPath(new URL("../node_modules/.cache/groundcrew", import.meta.url)));
  await import("./cli/main.ts");
} else {
  process.stderr.write(`groundcrew needs Node 22.18 or newer; this is ${process.version}.\n`);
  process.exitCode = 1;
}
