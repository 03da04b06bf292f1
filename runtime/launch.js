// This is JavaScript that loads on any version of Node (it imports no newer names), so that a version that cannot run
// the product still prints the error message.
import { fileURLToPath } from "node:url";

/** The oldest Node that runs the sources, which are TypeScript, and has `node:sqlite` without a flag. */
const REQUIRED = [22, 18];

/**
 * Runs a program of the product. On an older Node, prints the required version and exits with 1. An error of the
 * program that has a field `exit` is printed as one sentence, and is the exit code.
 * @param {() => Promise<unknown>} program imports and runs the program
 * @param {{ hint?: string }} options `hint`: added to the error
 */
export async function launch(program, { hint = "" } = {}) {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const [requiredMajor = 0, requiredMinor = 0] = REQUIRED;
  if (major < requiredMajor || (major === requiredMajor && minor < requiredMinor)) {
    process.stderr.write(
      `Groundcrew needs Node ${REQUIRED.join(".")} or newer; this is ${process.version}.${hint && ` ${hint}`}\n`,
    );
    process.exitCode = 1;
    return;
  }
  const { enableCompileCache } = await import("node:module");
  // Later starts reuse the compiled code, which is faster and needs less memory. The cache is in a folder that only the
  // installing user may write, because its content is executed; without write access there is no cache.
  enableCompileCache(fileURLToPath(new URL("../node_modules/.cache/groundcrew", import.meta.url)));
  await program().catch((/** @type {unknown} */ thrown) => {
    // An error that names its exit code is one that people can repair, so its message is enough.
    if (!(thrown instanceof Error && "exit" in thrown && typeof thrown.exit === "number")) throw thrown;
    process.stderr.write(`groundcrew: ${thrown.message}\n`);
    process.exitCode = thrown.exit;
  });
}
