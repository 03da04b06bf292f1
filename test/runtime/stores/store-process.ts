import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { COMPILE_CACHE, getTestProgram } from "../../support/test-programs.ts";

interface ChildOptions {
  /** Greatest size in KiB of any file it writes, as `ulimit -f` sets it. */
  fileLimit?: number;
  env?: Record<string, string>;
}

/** Runs child.ts and passes every line of its output to `onLine`. */
export function startStoreProcess(
  mode: string,
  url: string,
  onLine: (line: string) => void,
  options: ChildOptions = {},
) {
  const node = [process.execPath, "--disable-warning=ExperimentalWarning", getTestProgram("store"), mode, url];
  const limit = options.fileLimit === undefined ? "" : `ulimit -f ${options.fileLimit};`;
  const child = spawn("bash", ["-c", `${limit} exec "$@"`, "bash", ...node], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, NODE_COMPILE_CACHE: COMPILE_CACHE, ...options.env },
  });
  const lines = createInterface(child.stdout);
  lines.on("line", onLine);
  const ended = Promise.all([once(child, "exit"), once(lines, "close")]);
  return {
    /** `kill -9`; resolves when the process has ended and all its output was read. */
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
    sendLine: (line: string) => void child.stdin.write(`${line}\n`),
    closeInput: () => void child.stdin.end(),
    ended,
  };
}

/** Runs child.ts to its end; all it said. */
export async function runStoreProcess(mode: string, url: string, options?: ChildOptions): Promise<string[]> {
  const lines: string[] = [];
  await startStoreProcess(mode, url, (line) => lines.push(line), options).ended;
  return lines;
}
