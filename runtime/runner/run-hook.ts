import type { Ms } from "../../shared/time.ts";
import { describeFailure, runProgram } from "./run-program.ts";
import type { SessionRecord } from "./session-record.ts";

/** Timeout for a hook: 60 s. */
const HOOK_TIMEOUT_MS: Ms = 60_000;

/**
 * Runs a command of the settings in the worktree. The command is the operator's own text; what it needs to know about
 * the ticket is in its environment. Throws when it fails.
 */
export async function runHook(name: string, command: string, record: SessionRecord, env: Record<string, string>) {
  const facts = {
    GROUNDCREW_TICKET: record.ticket,
    GROUNDCREW_PROJECT: record.project,
    GROUNDCREW_RUN: String(record.run),
    GROUNDCREW_BRANCH: record.branch,
    GROUNDCREW_MAIN: record.main,
    GROUNDCREW_REPOSITORY: record.repository,
    GROUNDCREW_WORKTREE: record.worktree,
  };
  const options = { cwd: record.worktree, env: { ...env, ...facts }, timeoutMs: HOOK_TIMEOUT_MS };
  const result = await runProgram("/bin/sh", ["-c", command], options);
  if (result.status !== 0) throw new Error(describeFailure(`Hook ${name}`, result));
}
