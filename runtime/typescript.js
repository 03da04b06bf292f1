// Plain JavaScript that links on any Node (nothing newer is imported by name), so that one that cannot run TypeScript
// can still say so.
import { fileURLToPath } from "node:url";

/**
 * Runs a program written in TypeScript. Where Node cannot, it says which one can, and the process exits 1.
 * @param {() => Promise<unknown>} program imports it
 * @param {{ isCached?: boolean, hint?: string }} options `isCached`: keeps what was compiled; `hint`: what to do instead
 */
export async function runTypeScript(program, { isCached = false, hint = "" } = {}) {
  if (!process.features.typescript) {
    process.stderr.write(`Groundcrew needs Node 22.18 or newer; this is ${process.version}.${hint && ` ${hint}`}\n`);
    process.exitCode = 1;
    return;
  }
  if (isCached) {
    const { enableCompileCache } = await import("node:module");
    // With types stripped and code compiled at an earlier start, this one is faster and needs less memory.
    // In a folder that only who installs may write; where nobody may, it does without.
    enableCompileCache(fileURLToPath(new URL("../node_modules/.cache/groundcrew", import.meta.url)));
  }
  await program();
}
