import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { cleanLine } from "../../shared/clean-text.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import type { Ms } from "../../shared/time.ts";
import { killProcessGroup } from "../node/kill-process-group.ts";

interface FileProgramOptions {
  env: Record<string, string>;
  cwd: string;
  timeout: Ms;
}

/** Limit of the error text in UTF-16 units. */
const MAX_ERROR = 2_000;

/** Runs a program whose standard output goes to a new file of mode 0600. Throws when it fails. */
export function runToFile(file: string, args: readonly string[], output: string, options: FileProgramOptions) {
  return runWithFile(file, args, options, openSync(output, "w", 0o600), "output");
}

/** Runs a program whose standard input is a file. Throws when it fails. */
export function runFromFile(file: string, args: readonly string[], input: string, options: FileProgramOptions) {
  return runWithFile(file, args, options, openSync(input, "r"), "input");
}

async function runWithFile(
  file: string,
  args: readonly string[],
  { env, cwd, timeout }: FileProgramOptions,
  opened: number,
  use: "input" | "output",
): Promise<void> {
  let stderr = "";
  let timer: NodeJS.Timeout | undefined;
  try {
    const child = spawn(file, args, {
      env,
      cwd,
      detached: true,
      stdio: use === "input" ? [opened, "ignore", "pipe"] : ["ignore", opened, "pipe"],
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      stderr = (stderr + text).slice(-MAX_ERROR);
    });
    let isLate = false;
    timer = setTimeout(() => {
      isLate = true;
      killProcessGroup(child.pid);
      child.stderr?.destroy();
    }, timeout);
    const [code, signal] = await once(child, "close");
    if (isLate) throw new Error(`no end within ${timeout / 1_000} s`);
    if (code !== 0) throw new Error(`${signal ?? `exit code ${code}`}: ${cleanLine(stderr, 300)}`);
  } catch (thrown) {
    throw new Error(`${file} ${args.slice(0, 2).join(" ")}: ${getErrorMessage(thrown)}`, { cause: thrown });
  } finally {
    clearTimeout(timer);
    closeSync(opened);
  }
}
