import { execFile } from "node:child_process";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { onTestFinished } from "vitest";

const CLI = resolve("runtime/cli.js");

export interface CliResult {
  exit: number;
  out: string;
  err: string;
}

/** Runs the real command in a separate process, without this process's environment. `timeout` in milliseconds. */
export function runCli(
  args: readonly string[],
  {
    cwd,
    env = {},
    stdin = "",
    timeout = 20_000,
  }: { cwd: string; env?: Record<string, string>; stdin?: string; timeout?: number },
): Promise<CliResult> {
  return new Promise((resolveCall) => {
    const child = execFile(process.execPath, [CLI, ...args], { cwd, env, timeout }, (error, out, err) => {
      resolveCall({ exit: error ? Number(error.code ?? -1) : 0, out, err });
    });
    child.stdin?.end(stdin);
  });
}

/** Creates a temporary folder that is deleted after the test. */
export function createTempFolder(): string {
  const path = realpathSync(mkdtempSync(join(tmpdir(), "groundcrew-cli-")));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}
