import { describeFailure, type ProgramResult, runProgram } from "./run-program.ts";

/**
 * Options of every call. A repository's own settings may name programs, and the session can change them: none of these
 * is started.
 */
const SAFE_OPTIONS = ["core.fsmonitor=false", "core.hooksPath=/dev/null", "log.showSignature=false", "color.ui=false"];

export type Git = ReturnType<typeof createGit>;

/** Calls git, without a shell, without questions and without this process's environment. */
export function createGit(env: Record<string, string>) {
  const gitEnv = { ...env, GIT_TERMINAL_PROMPT: "0", GIT_OPTIONAL_LOCKS: "0", LC_ALL: "C.UTF-8" };
  const options = SAFE_OPTIONS.flatMap((option) => ["-c", option]);
  const call = (folder: string, args: readonly string[]): Promise<ProgramResult> =>
    runProgram("git", [...options, "-C", folder, ...args], { env: gitEnv, timeoutMs: 120_000 });
  return {
    call,
    /** Returns the output without its last line end; throws when git fails. */
    async read(folder: string, args: readonly string[]): Promise<string> {
      const result = await call(folder, args);
      if (result.status !== 0) throw new Error(describeFailure(`git ${args[0] ?? ""}`, result));
      return result.stdout.replace(/\n$/, "");
    },
  };
}
