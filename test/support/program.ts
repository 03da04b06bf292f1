import { type SpawnOptionsWithoutStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync } from "node:fs";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { onTestFinished } from "vitest";
import { runCli as runCommandLine } from "../../runtime/cli/run-cli.ts";
import { getBuiltProgram } from "./built-program.ts";
import { createTestFolder, type OnEnd } from "./test-folder.ts";

export interface CliResult {
  exit: number | null;
  out: string;
  err: string;
}

interface ProgramOptions extends Pick<SpawnOptionsWithoutStdio, "cwd"> {
  /** The whole environment but for PATH. */
  env?: Record<string, string> | undefined;
  stdin?: string | Uint8Array | undefined;
  /** Signals reach all processes that it has started, as Ctrl+C does. */
  isGroup?: boolean;
  onEnd?: OnEnd;
}

/** Starts a program and keeps what it prints. It is killed in the end. */
export function startProgram([program = "", ...args]: readonly string[], options: ProgramOptions = {}) {
  const { cwd, env, stdin = "", isGroup = false, onEnd = onTestFinished } = options;
  const allEnv = { PATH: process.env["PATH"], ...env };
  const child = spawn(program, args, { cwd, env: allEnv, detached: isGroup });
  child.stdin.on("error", () => {}).end(stdin);
  const output = { out: "", err: "" };
  for (const [name, stream] of Object.entries({ out: child.stdout, err: child.stderr }) as ["out" | "err", Readable][])
    stream.setEncoding("utf8").on("data", (text: string) => {
      output[name] += text;
    });
  const exited = once(child, "exit");
  const ended = once(child, "close").then(([exit]): CliResult => ({ exit, ...output }));

  /** Sends a signal, 0 to ask only; false when no process is left that could get it. */
  function signal(name: NodeJS.Signals | 0): boolean {
    try {
      return process.kill(isGroup ? -(child.pid ?? 0) : (child.pid ?? 0), name);
    } catch {
      return false;
    }
  }
  /** `kill -9`; resolves when it has ended. */
  async function kill(): Promise<void> {
    if (isGroup || (child.exitCode === null && child.signalCode === null)) signal("SIGKILL");
    await exited;
  }
  onEnd(kill);
  return { child, output, ended, exited, signal, kill, readAll: () => output.out + output.err };
}

/** The command line of a program of the build, with options of Node. */
export function toCommand(name: Parameters<typeof getBuiltProgram>[0], ...args: string[]): string[] {
  return [process.execPath, "--disable-warning=ExperimentalWarning", getBuiltProgram(name), ...args];
}

/** A folder with an installed build, as `npm ci` leaves it. */
export function installBuild(): string {
  const folder = createTestFolder("installed");
  cpSync(dirname(getBuiltProgram("start")), join(folder, "dist"), { recursive: true });
  cpSync("package.json", join(folder, "package.json"));
  return folder;
}

/** Runs the real command in a separate process, without this process's environment. */
export function runCli(args: readonly string[], options: ProgramOptions): Promise<CliResult> {
  return startProgram(toCommand("cli", ...args), options).ended;
}

/** Runs a command in this process, which takes milliseconds. */
export async function runCliHere(
  args: readonly string[],
  {
    cwd = createTestFolder("cli"),
    env = {},
    stdin = "",
  }: { cwd?: string; env?: Record<string, string>; stdin?: string },
): Promise<CliResult> {
  let [out, err] = ["", ""];
  const exit = await runCommandLine(args, {
    ...{ env: { PATH: process.env["PATH"], ...env }, cwd, stdin: Readable.from([stdin]) },
    out: (part) => (out += part),
    err: (part) => (err += part),
  });
  return { exit, out, err };
}
