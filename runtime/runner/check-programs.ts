import type { Log } from "../../shared/log.ts";
import { findExecutable } from "./claude-launch.ts";
import { pickEnvironment } from "./passed-environment.ts";
import { runProgram } from "./run-program.ts";

/** Options of Claude Code that sessions are started with. */
const NEEDED_OPTIONS = [
  "--session-id",
  "--resume",
  "--permission-mode",
  "--strict-mcp-config",
  "--mcp-config",
  "--settings",
  "--append-system-prompt",
];

type Env = Record<string, string | undefined>;

/** Throws when tmux or git is missing: without them no session can be started or found. */
export async function requirePrograms(env: Env): Promise<void> {
  for (const [program, option] of [
    ["tmux", "-V"],
    ["git", "--version"],
  ] as const) {
    const { status, problem } = await runProgram(program, [option], { env: pickEnvironment(env, "base") });
    if (status !== 0) throw new Error(`${program} cannot be run (${problem ?? `exit code ${status}`}). Install it.`);
  }
}

/** Logs Claude Code's version, and what a session will miss. Sessions of a missing program fail with a reason. */
export async function checkClaude(claudeBin: string, env: Env, log: Log): Promise<void> {
  const program = findExecutable(claudeBin, env["PATH"]);
  if (program === undefined) {
    log.warn("Claude Code was not found", { program: claudeBin, hint: "set CLAUDE_BIN" });
    return;
  }
  const options = { env: pickEnvironment(env, "claude") };
  const [version, help] = await Promise.all([
    runProgram(program, ["--version"], options),
    runProgram(program, ["--help"], options),
  ]);
  const missing = NEEDED_OPTIONS.filter((option) => !help.stdout.includes(option));
  const fields = { program, version: version.stdout.trim().slice(0, 100) };
  if (missing.length === 0) log.info("Claude Code", fields);
  else log.warn("Claude Code lacks options that sessions need", { ...fields, missing });
}
