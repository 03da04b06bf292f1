import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished } from "vitest";
import { hasProgram } from "../support/has-program.ts";
import { findFreePort } from "../support/redis-server.ts";
import { RUNTIME_ENV } from "../support/test-runtime.ts";

/** Whether bubblewrap is installed. Always true in CI, so that tests there fail instead of being skipped. */
export function hasBubblewrap(): boolean {
  return hasProgram("bwrap");
}

/** Builds the production tree as the image and the installation do, and returns its folder. */
export function buildProductionTree(folder: string): string {
  const tree = join(folder, "tree");
  // Packages that npm has in its cache, as after `npm ci`, are not downloaded again.
  const env = { ...process.env, npm_config_prefer_offline: "true" };
  execFileSync("sh", ["compose/build-tree", tree], { env, stdio: ["ignore", "ignore", "pipe"] });
  return tree;
}

export interface ProductionProcess {
  url: string;
  readOutput: () => string;
  /** Runs another command in the same way, next to it; resolves with its output, rejects when it fails. */
  run(command: readonly string[], env: Record<string, string>): Promise<string>;
  /** Sends SIGTERM to the command's own process; resolves with its exit code. */
  stop(): Promise<number | null>;
}

/**
 * Starts a command line with only these variables and a read-only root, in which the state folder alone is writable.
 */
export async function startReadOnly(
  command: readonly string[],
  { cwd, env, state }: { cwd: string; env: Record<string, string>; state: string },
): Promise<ProductionProcess> {
  const port = await findFreePort();
  const binds = ["--ro-bind", "/", "/", "--dev", "/dev", "--tmpfs", "/run", "--bind", state, state];
  const wrap = ["bwrap", ...binds, "--die-with-parent", "--chdir", cwd];
  const own = { ...RUNTIME_ENV, PATH: process.env["PATH"] ?? "", PORT: String(port) };
  const [program = "", ...options] = [...wrap, ...command];
  const child = spawn(program, options, {
    env: { ...own, ...env, PORT: own.PORT },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const exited = once(child, "exit");
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (data: Buffer) => {
      output += data;
    });
  }
  await expect.poll(() => output, { timeout: 15_000, interval: 50 }).toContain('"message":"listening"');
  return {
    url: `http://127.0.0.1:${port}`,
    readOutput: () => output,
    run: async (other, otherEnv) => {
      const [file = "", ...words] = [...wrap, ...other];
      return (await promisify(execFile)(file, words, { env: { ...own, ...otherEnv } })).stdout;
    },
    stop: async () => {
      // bwrap passes no signals on, so its only child gets it.
      const pid = execFileSync("ps", ["-o", "pid=", "--ppid", String(child.pid)], { encoding: "utf8" }).trim();
      process.kill(Number(pid), "SIGTERM");
      const [code] = await exited;
      return typeof code === "number" ? code : null;
    },
  };
}

/** Creates an empty folder that is removed at the end of the test. */
export function createTemporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `groundcrew-${name}-`));
  // A production tree is 250 MB in thousands of files.
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }), 60_000);
  mkdirSync(join(folder, "state"), { mode: 0o700 });
  return folder;
}
