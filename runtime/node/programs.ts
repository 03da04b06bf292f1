/**
 * Programs that are started, and the processes that they become: their output is limited, a timeout ends them with all
 * they started, and a failure is described by what they said last. Also
 * what the command of OpenClaw on this machine is asked.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, closeSync, constants, existsSync, openSync, readdirSync, readFileSync, statSync } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";
import { getErrorMessage } from "../../shared/errors.ts";
import { cleanLine, tryParseJson } from "../../shared/text.ts";
import { type Ms, SECOND, wait } from "../../shared/time.ts";

/** How a program ended. `status` is undefined when a signal, the timeout or the system ended it; `problem` says why. */
export interface ProgramResult {
  status: number | undefined;
  stdout: string;
  stderr: string;
  problem?: string;
  /** The exit code of a program that had ended before the timeout, while what it started kept its output open. */
  exitCode?: number;
}

export interface ProgramOptions {
  /** The whole environment of the program: nothing is inherited. */
  env: Record<string, string>;
  cwd?: string;
  /** Default: 30 s, which is plenty for tmux and for git on a local disk. */
  timeoutMs?: Ms;
  /** File that is its standard input; empty without one. */
  input?: string;
  /** File of mode 0600 that receives its standard output; `stdout` of the result is then empty. */
  output?: string;
  /** Limit of each output stream in bytes; the rest is dropped. Default: 4 MB, because a hostile repository may print forever. */
  maxOutputBytes?: number;
  /** Called with each part of its output and its errors as they arrive. */
  onOutput?: (text: string) => void;
}

type Env = Record<string, string | undefined>;

/**
 * The variables that OpenClaw needs to find itself and its settings. It receives no others, so no secret of Groundcrew.
 */
const PASSED_VARIABLES = /^(?:PATH|HOME|LANG|LC_ALL|TMPDIR|OPENCLAW_HOME|OPENCLAW_STATE_DIR|OPENCLAW_CONFIG_PATH)$/;

/** Timeout for a question: 60 s. The command loads all of OpenClaw first. */
const QUESTION_TIMEOUT: Ms = 60 * SECOND;

/** Runs the `openclaw` command on the PATH of `env`. Undefined without one. */
export async function runOpenclawCommand(
  env: Env,
  args: readonly string[],
  timeoutMs: Ms,
): Promise<ProgramResult | undefined> {
  const program = findExecutable("openclaw", env["PATH"]);
  if (program === undefined) return undefined;
  // In another working directory, because OpenClaw would read the `.env` in ours.
  const options = { env: { ...pickVariables(env, PASSED_VARIABLES), NO_COLOR: "1" }, cwd: "/", timeoutMs };
  return runProgram(program, args, options);
}

const DEFAULT_TIMEOUT_MS: Ms = 30_000;

/** Timeout for processes after SIGKILL: 3 s; only a process that waits for a disk needs more. */
const KILL_MS: Ms = 3_000;

const CHECK_MS: Ms = 50;

const MAX_OUTPUT_BYTES = 4 * 2 ** 20;

/** Limit of the error text in UTF-16 units: its end, because programs say the cause last. */
const MAX_ERROR = 2_000;

/** What is asked, and how. */
const QUESTIONS = {
  usage: ["gateway", "call", "sessions.usage", "--params", '{"agentScope":"all"}', "--json"],
  tasks: ["tasks", "list", "--json"],
} as const;

/**
 * Runs a program with these arguments, without a shell, and resolves when it has ended. It has a process group of its
 * own, so that the timeout also ends what it has started. Rejects only when a file or an argument cannot be passed.
 */
export async function runProgram(
  file: string,
  args: readonly string[],
  {
    env,
    cwd,
    timeoutMs = DEFAULT_TIMEOUT_MS,
    maxOutputBytes = MAX_OUTPUT_BYTES,
    input,
    output,
    onOutput,
  }: ProgramOptions,
): Promise<ProgramResult> {
  const opened: number[] = [];
  const openFile = (path: string, flags: string) => {
    const descriptor = openSync(path, flags, 0o600);
    opened.push(descriptor);
    return descriptor;
  };
  try {
    const child = spawn(file, args, {
      env,
      ...(cwd === undefined ? {} : { cwd }),
      detached: true,
      stdio: [
        input === undefined ? "ignore" : openFile(input, "r"),
        output === undefined ? "pipe" : openFile(output, "w"),
        "pipe",
      ],
    });
    const stdout = collectOutput(child.stdout, maxOutputBytes);
    const stderr = collectOutput(child.stderr, maxOutputBytes);
    if (onOutput)
      for (const stream of [child.stdout, child.stderr])
        stream?.on("data", (chunk: Buffer) => onOutput(chunk.toString()));
    const { promise, resolve } = Promise.withResolvers<Pick<ProgramResult, "status" | "problem" | "exitCode">>();
    let late: Pick<ProgramResult, "problem" | "exitCode"> | undefined;
    const timer = setTimeout(() => {
      late = { problem: `no end within ${timeoutMs / 1000} s` };
      if (child.exitCode !== null) late.exitCode = child.exitCode;
      killProcessGroup(child.pid);
      // A grandchild with a group of its own may still hold the pipes.
      for (const stream of child.stdio) stream?.destroy();
    }, timeoutMs);
    child.once("error", (thrown) => resolve({ status: undefined, problem: getErrorMessage(thrown) }));
    child.once("close", (code, signal) => {
      const ended = late ?? (signal === null ? undefined : { problem: `ended by ${signal}` });
      resolve(ended ? { status: undefined, ...ended } : { status: code ?? undefined });
    });
    const ended = await promise;
    clearTimeout(timer);
    return { ...ended, stdout: stdout(), stderr: stderr() };
  } finally {
    for (const descriptor of opened) closeSync(descriptor);
  }
}

function collectOutput(stream: NodeJS.ReadableStream | null, limit: number): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  stream?.on("data", (chunk: Buffer) => {
    if (size < limit) chunks.push(chunk.subarray(0, limit - size));
    size += chunk.length;
  });
  stream?.on("error", () => {});
  return () => Buffer.concat(chunks).toString("utf8");
}

/** Resolves when a program has ended: with undefined after a success, otherwise with what `explain` says. */
export function waitForProgram(
  child: ChildProcess,
  explain: (code: number | null, signal: string | null) => string,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    child.once("error", (thrown) => resolve(getErrorMessage(thrown)));
    child.once("close", (code, signal) => resolve(code === 0 ? undefined : explain(code, signal)));
  });
}

/** Runs a program of which only the end counts, such as one whose output is a file. Throws when it fails. */
export async function runOrThrow(file: string, args: readonly string[], options: ProgramOptions): Promise<void> {
  const { status, stderr, problem } = await runProgram(file, args, options);
  if (status === 0) return;
  const reason = problem ?? `exit code ${status}: ${cleanLine(stderr.slice(-MAX_ERROR), 300)}`;
  throw new Error(`${file} ${args.slice(0, 2).join(" ")}: ${reason}`);
}

/** Describes a failed program in one line, for logs and for people. */
export function describeFailure(name: string, { status, stderr, problem }: ProgramResult): string {
  const reason = problem ?? `exit code ${status}`;
  const lastLine = stderr.trim().split("\n").at(-1) ?? "";
  return lastLine === "" ? `${name}: ${reason}` : `${name}: ${reason}: ${lastLine}`;
}

/** The standard output of a program that was run under this name. Throws when it failed. */
export function requireSuccess(name: string, result: ProgramResult): string {
  if (result.status !== 0) throw new Error(cleanLine(describeFailure(name, result), 300));
  return result.stdout;
}

/** Finds an executable file by its path or its name on the PATH; undefined when there is none. */
export function findExecutable(program: string, searchPath = ""): string | undefined {
  // Only absolute folders, so that a program in the working directory is never run.
  const candidates = isAbsolute(program)
    ? [program]
    : searchPath.split(delimiter).flatMap((folder) => (isAbsolute(folder) ? [join(folder, program)] : []));
  return candidates.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return statSync(path).isFile();
    } catch {
      return false;
    }
  });
}

/** Picks the variables that a program receives. Everything else of this process's environment stays with it. */
export function pickVariables(env: Record<string, string | undefined>, names: RegExp): Record<string, string> {
  const entries = Object.entries(env).flatMap(([name, value]) =>
    value !== undefined && names.test(name) ? [[name, value] as const] : [],
  );
  return Object.fromEntries(entries);
}

/** A text as one word of a shell command. */
export function quoteForShell(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Kills a process that leads a group of its own, with all its children. A group that has already ended is no error. */
function killProcessGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // The group has ended meanwhile.
  }
}

/** Finds the processes that live and have such variables or arguments. Only Linux tells them. */
export function findProcesses(
  file: "environ" | "cmdline",
  isWanted: (entries: readonly string[]) => boolean,
): number[] {
  const names = existsSync("/proc") ? readdirSync("/proc").filter((name) => /^\d+$/.test(name)) : [];
  return names.map(Number).filter((pid) => {
    try {
      if (!isWanted(readFileSync(`/proc/${pid}/${file}`, "latin1").split("\0"))) return false;
      // A zombie has ended, but its parent has not collected it. The name before the state may contain anything.
      return !/^.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
    } catch {
      // It belongs to another user, or has ended meanwhile.
      return false;
    }
  });
}

/** Ends all processes that are found: SIGTERM, and SIGKILL after this time. Throws when one is still alive. */
export async function endProcesses(find: () => number[], terminationMs: Ms): Promise<void> {
  for (const [signal, timeout] of [["SIGTERM", terminationMs] as const, ["SIGKILL", KILL_MS] as const]) {
    for (let waited = 0; waited <= timeout; waited += CHECK_MS) {
      const pids = find();
      if (pids.length === 0) return;
      // Repeated, because a process may have started another one meanwhile.
      for (const pid of pids) if (waited === 0 || signal === "SIGKILL") sendSignal(pid, signal);
      await wait(CHECK_MS);
    }
  }
  throw new Error(`Processes cannot be ended: ${find().join(", ")}`);
}

function sendSignal(pid: number, signal: NodeJS.Signals) {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}

/** Creates what asks OpenClaw on this machine; undefined without its command. */
export function createOpenclawQuestions(
  env: Env,
): ((question: keyof typeof QUESTIONS) => Promise<unknown>) | undefined {
  if (findExecutable("openclaw", env["PATH"]) === undefined) return undefined;
  return async (question) => {
    const { stdout = "" } = (await runOpenclawCommand(env, QUESTIONS[question], QUESTION_TIMEOUT)) ?? {};
    // Lines of its log may come first.
    return tryParseJson(stdout.slice(Math.max(0, stdout.search(/^\{/m))));
  };
}
