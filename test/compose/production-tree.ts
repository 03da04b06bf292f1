import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { startProgram } from "../support/program.ts";
import { findFreePort } from "../support/redis-server.ts";
import { createTestFolder } from "../support/test-folder.ts";
import { RUNTIME_ENV } from "../support/test-runtime.ts";

/** Builds the production tree as the image and the installation do, and returns its folder. */
export function buildProductionTree(folder: string): string {
  const tree = join(folder, "tree");
  // Packages that npm has in its cache, as after `npm ci`, are not downloaded again.
  const env = { ...process.env, npm_config_prefer_offline: "true" };
  execFileSync("sh", ["compose/build-tree", tree], { env, stdio: ["ignore", "ignore", "pipe"] });
  return tree;
}

/**
 * Starts a command line with only these variables and a read-only root, in which the state folder alone is writable.
 */
export async function startReadOnly(
  command: readonly string[],
  { cwd, env, state }: { cwd: string; env: Record<string, string>; state: string },
) {
  const port = await findFreePort();
  const binds = ["--ro-bind", "/", "/", "--dev", "/dev", "--tmpfs", "/run", "--bind", state, state];
  const wrap = ["bwrap", ...binds, "--die-with-parent", "--chdir", cwd];
  const own = { ...RUNTIME_ENV, PORT: String(port) };
  const { child, ended, readAll } = startProgram([...wrap, ...command], { env: { ...own, ...env, PORT: own.PORT } });
  await expect.poll(readAll, { timeout: 15_000, interval: 50 }).toContain('"message":"listening"');
  return {
    url: `http://127.0.0.1:${port}`,
    readOutput: readAll,
    /** Runs another command in the same way, next to it. */
    run: (other: readonly string[], otherEnv: Record<string, string>) =>
      startProgram([...wrap, ...other], { env: { ...own, ...otherEnv } }).ended,
    /** Sends SIGTERM to the command's own process; resolves with its exit code. */
    stop: async () => {
      // bwrap passes no signals on, so its only child gets it.
      const pid = execFileSync("ps", ["-o", "pid=", "--ppid", String(child.pid)], { encoding: "utf8" }).trim();
      process.kill(Number(pid), "SIGTERM");
      return (await ended).exit;
    },
  };
}

/** Creates a folder for a tree, of 250 MB in thousands of files, and in it one for the product's state. */
export function createTreeFolder(name: string): string {
  const folder = createTestFolder(name, (end) => onTestFinished(end, 60_000));
  mkdirSync(join(folder, "state"), { mode: 0o700 });
  return folder;
}
