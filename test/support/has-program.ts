import { spawnSync } from "node:child_process";

/** Whether a program is in the path. */
export function isInstalled(name: string): boolean {
  return spawnSync("which", [name], { stdio: "ignore" }).status === 0;
}

/** Whether a program that CI installs is in the path. Always true in CI, so that tests there fail instead of being skipped. */
export function hasProgram(name: string): boolean {
  return Boolean(process.env["CI"]) || isInstalled(name);
}
