import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Whether a program that CI installs is in the path. Always true in CI, so that tests there fail instead of being skipped. */
export function hasProgram(name: string): boolean {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return Boolean(process.env["CI"]) || folders.some((folder) => existsSync(join(folder, name)));
}
