import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { onTestFinished } from "vitest";
import { hasProgram } from "../../support/has-program.ts";
import { MONITORING } from "./queries.ts";

/** Whether promtool is installed. Always true in CI, so that tests there fail instead of being skipped. */
export function hasPromtool(): boolean {
  return hasProgram("promtool");
}

/** Runs promtool in the folder with the rules; returns its exit code and everything it printed. */
export function runPromtool(...args: string[]): { status: number | null; output: string } {
  // Each test of a rule has a database of its own; with less garbage collection they take half the processor time.
  const env = { ...process.env, GOGC: "400" };
  const { status, stdout, stderr } = spawnSync("promtool", args, { cwd: MONITORING, encoding: "utf8", env });
  return { status, output: stdout + stderr };
}

/** Writes a file that promtool reads, in a folder that is removed after the test. JSON is YAML. */
export function writeTempFile(content: unknown): string {
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-promtool-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "file.yaml");
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

/** The rule files, as absolute paths. */
export const RULE_FILES = readdirSync(`${MONITORING}/rules`).map((name) => resolve(MONITORING, "rules", name));
