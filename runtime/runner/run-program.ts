import { spawn } from "node:child_process";
import { getErrorMessage } from "../../shared/errors.ts";
import type { Ms } from "../../shared/time.ts";

/** How a program ended. `status` is undefined when a signal, the timeout or the system ended it; `problem` says why. */
export interface ProgramResult {
  status: number | undefined;
  stdout: string;
  stderr: string;
  problem?: string;
}

interface ProgramOptions {
  /** The whole environment of the program: nothing is inherited. */
  env: Record<string, string>;
  cwd?: string;
  /** Default: 30 s, which is plenty for tmux and for git on a local disk. */
  timeoutMs?: Ms;
}

const DEFAULT_TIMEOUT_MS: Ms = 30_000;
/** Limit of each output stream in bytes: 4 MB. The rest is dropped, because a hostile repository may print forever. */
const MAX_OUTPUT_BYTES = 4 * 2 ** 20;

/**
 * Runs a program with these arguments, without a shell, and resolves when it has ended. It has a process group of its
 * own, so that the timeout also ends what it has started. Never rejects.
 */
export function runProgram(file: string, args: readonly string[], options: ProgramOptions): Promise<ProgramResult> {
  const { env, cwd, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  return new Promise((resolve) => {
    const child = spawn(file, args, { env, ...(cwd === undefined ? {} : { cwd }), detached: true, stdio: "pipe" });
    const stdout = collectOutput(child.stdout);
    const stderr = collectOutput(child.stderr);
    let problem: string | undefined;
    const end = (status: number | undefined) => {
      clearTimeout(timer);
      resolve({ status, stdout: stdout(), stderr: stderr(), ...(problem === undefined ? {} : { problem }) });
    };
    const timer = setTimeout(() => {
      problem = `no end within ${timeoutMs / 1000} s`;
      endProcessGroup(child.pid);
      // A grandchild with a group of its own may still hold the pipes.
      for (const stream of child.stdio) stream?.destroy();
    }, timeoutMs);
    child.stdin.on("error", () => {});
    child.stdin.end();
    child.once("error", (thrown) => {
      problem = getErrorMessage(thrown);
      end(undefined);
    });
    child.once("close", (code, signal) => {
      if (signal !== null) problem ??= `ended by ${signal}`;
      end(problem === undefined ? (code ?? undefined) : undefined);
    });
  });
}

/** Describes a failed program in one line, for logs and for people. */
export function describeFailure(name: string, { status, stderr, problem }: ProgramResult): string {
  const reason = problem ?? `exit code ${status}`;
  const lastLine = stderr.trim().split("\n").at(-1) ?? "";
  return lastLine === "" ? `${name}: ${reason}` : `${name}: ${reason}: ${lastLine}`;
}

function collectOutput(stream: NodeJS.ReadableStream): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on("data", (chunk: Buffer) => {
    if (size < MAX_OUTPUT_BYTES) chunks.push(chunk.subarray(0, MAX_OUTPUT_BYTES - size));
    size += chunk.length;
  });
  stream.on("error", () => {});
  return () => Buffer.concat(chunks).toString("utf8");
}

function endProcessGroup(pid: number | undefined) {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}
