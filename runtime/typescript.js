// This is JavaScript that loads on any version of Node (it imports no newer names), so that a version that cannot run
// TypeScript still prints the error message.
import { fileURLToPath } from "node:url";

/**
 * Runs a program written in TypeScript. On a Node that cannot run it, prints the required version and exits with 1.
 * @param {() => Promise<unknown>} program imports the program
 * @param {{ hint?: string }} options `hint`: added to the error
 */
export async function runTypeScript(program, { hint = "" } = {}) {
  if (!process.features.typescript) {
    process.stderr.write(`Groundcrew needs Node 22.18 or newer; this is ${process.version}.${hint && ` ${hint}`}\n`);
    process.exitCode = 1;
    return;
  }
  const { enableCompileCache } = await import("node:module");
  // Later starts reuse the stripped and compiled code, which is faster and needs less memory. The cache is in a folder
  // that only the installing user may write, because its content is executed; without write access there is no cache.
  enableCompileCache(fileURLToPath(new URL("../node_modules/.cache/groundcrew", import.meta.url)));
  await program();
}
