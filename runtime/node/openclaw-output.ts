import type { OpenclawOutput } from "../../functions/doctor/openclaw-skill.ts";
import type { Ms } from "../../shared/time.ts";
import type { ProgramResult } from "./programs.ts";

/**
 * What OpenClaw printed, for who judges it. A program that ended and left a child process that keeps its output open has
 * answered. `limit`: the time that it had.
 */
export function toOpenclawOutput(result: ProgramResult, limit: Ms): OpenclawOutput {
  const { status, exitCode = status, stdout, stderr, problem = "" } = result;
  if (exitCode !== undefined) return { kind: "exited", code: exitCode, out: stdout, err: stderr };
  if (problem.startsWith("ended by")) return { kind: "exited", code: null, out: stdout, err: stderr };
  return problem.startsWith("no end within") ? { kind: "timeout", ms: limit } : { kind: "not started", why: problem };
}
