/** OpenClaw's own command on this machine, and what its gateway says with it. */

import { tryParseJson } from "../../shared/text.ts";
import { type Ms, SECOND } from "../../shared/time.ts";
import { findExecutable, type ProgramResult, pickVariables, runProgram } from "./programs.ts";

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

/** What is asked, and how. */
const QUESTIONS = {
  usage: ["gateway", "call", "sessions.usage", "--params", '{"agentScope":"all"}', "--json"],
  tasks: ["tasks", "list", "--json"],
} as const;

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
