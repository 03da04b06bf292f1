import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { createTestFolder, writeFiles } from "../../support/test-folder.ts";
import { MONITORING } from "./queries.ts";

/** Runs promtool in the folder with the rules; returns its exit code and everything it printed. */
export function runPromtool(...args: string[]): { status: number | null; output: string } {
  // Each test of a rule has a database of its own; with less garbage collection they take half the processor time.
  const env = { ...process.env, GOGC: "400" };
  const { status, stdout, stderr } = spawnSync("promtool", args, { cwd: MONITORING, encoding: "utf8", env });
  return { status, output: stdout + stderr };
}

/** Writes a file that promtool reads, in a folder that is removed after the test. JSON is YAML. */
export function writeTempFile(content: object): string {
  const folder = createTestFolder("promtool");
  writeFiles(folder, { "file.yaml": content });
  return join(folder, "file.yaml");
}

/** The rule files, as absolute paths. */
export const RULE_FILES = readdirSync(`${MONITORING}/rules`).map((name) => resolve(MONITORING, "rules", name));
