import { globSync, statSync } from "node:fs";
import { resolve } from "node:path";

/** What the build is made of. */
const SOURCES = ["functions", "shared", "runtime", "demo", "simulators", "skills"].map((name) => `${name}/**/*.*`);

let isChecked = false;

/**
 * The path of a program in dist/, which is what people run and starts several times as fast as the sources. Throws where
 * a source is newer than the build, so that no test runs an earlier version.
 */
export function getBuiltProgram(name: "start" | "cli" | "doctor" | "provision"): string {
  const path = resolve(`dist/${name}.js`);
  if (isChecked) return path;
  const builtAt = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const newer = globSync(SOURCES).find((source) => statSync(source).mtimeMs > builtAt);
  if (newer !== undefined) throw new Error(`dist/ is older than ${newer}: run \`npm run build\` first.`);
  isChecked = true;
  return path;
}
