import { execFile } from "node:child_process";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { onTestFinished } from "vitest";
import { runCli as runCommandLine } from "../../../runtime/cli/run-cli.ts";
import { getBuiltProgram } from "../../support/built-program.ts";

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
    const child = execFile(
      process.execPath,
      [getBuiltProgram("cli"), ...args],
      { cwd, env, timeout },
      (error, out, err) => {
        resolveCall({ exit: error ? Number(error.code ?? -1) : 0, out, err });
      },
    );
    child.stdin?.end(stdin);
  });
}

/** Runs a command in this process, which takes milliseconds. */
export async function runCliHere(
  args: readonly string[],
  { cwd = createTempFolder(), env = {}, stdin = "" }: { cwd?: string; env?: Record<string, string>; stdin?: string },
): Promise<CliResult> {
  let [out, err] = ["", ""];
  const exit = await runCommandLine(args, {
    ...{ env, cwd, stdin: Readable.from([stdin]) },
    out: (part) => (out += part),
    err: (part) => (err += part),
  });
  return { exit, out, err };
}

/** Creates a temporary folder that is deleted after the test. */
export function createTempFolder(): string {
  const path = realpathSync(mkdtempSync(join(tmpdir(), "groundcrew-cli-")));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}
