import type { OpenclawOutput } from "../../functions/doctor/openclaw-skill.ts";
import type { ProgramResult } from "./programs.ts";

/**
 * What OpenClaw printed, for who judges it. A program that ended and left a child process that keeps its output open
 * has answered.
 */
export function toOpenclawOutput({
  status,
  exitCode = status,
  stdout,
  stderr,
  problem = "",
}: ProgramResult): OpenclawOutput {
  if (exitCode !== undefined || problem.startsWith("ended by"))
    return { code: exitCode ?? null, out: stdout, err: stderr };
  return { failure: problem.replace(/^no end within/, "no answer within") };
}
