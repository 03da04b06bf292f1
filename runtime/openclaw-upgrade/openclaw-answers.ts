/** What OpenClaw's commands and logs say: answers of turns, sessions, tools and permissions. */

import { posix } from "node:path";
import { z } from "zod";
import { extractJsonObjects } from "../../functions/doctor/openclaw-skill.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { openclawTasksSchema } from "../../shared/openclaw-tasks.ts";
import { cleanLine, tryParseJson } from "../../shared/text.ts";
import type { Ms } from "../../shared/time.ts";
import { describeFailure, type ProgramResult } from "../node/programs.ts";
import type { SpawnMetrics } from "./upgrade-record.ts";

/** Answer of `openclaw agent --json` through the gateway. One of a run without the gateway has no status. */
const turnSchema = z.object({ runId: z.string(), status: z.string() });

const probeSchema = z.object({
  servers: z.record(z.string(), z.object({ tools: z.number() })),
  diagnostics: z.array(z.unknown()).default([]),
});

const sessionsSchema = z.object({
  path: z.string(),
  // The id becomes part of a path.
  sessions: z.array(z.object({ key: z.string(), sessionId: z.string().regex(/^[\w-]{1,100}$/) })),
});

const messageSchema = z.object({
  message: z.object({ role: z.string(), stopReason: z.string().optional() }),
});

/** Limit of a reason in UTF-16 units. */
const MAX_REASON = 300;

/** Messages of the kernel and of Node for a call that the user, a capability or seccomp does not allow. */
const PERMISSION_PROBLEM = /\b(?:EPERM|EACCES)\b|operation not permitted|permission denied/i;

/** Why the agent's turn did not run through the gateway; undefined when it did. */
export function findTurnProblem(result: ProgramResult): string | undefined {
  const [turn] = findAnswers(turnSchema, result.stdout);
  if (!turn) {
    if (/falling back to embedded/i.test(result.stderr))
      return "the turn ran without the gateway, which did not answer";
    return explainOutput("openclaw agent", result);
  }
  return turn.status === "ok" ? undefined : `the turn ended with status ${cleanLine(turn.status, 40)}`;
}

function findAnswers<T>(schema: z.ZodType<T>, output: string): T[] {
  return extractJsonObjects(output).flatMap((json) => {
    const parsed = schema.safeParse(json);
    return parsed.success ? [parsed.data] : [];
  });
}

/** The number of an MCP entry's tools, or why it cannot be used; `unsupported` for 2026.2, which has no such command. */
export function parseMcpProbe(entry: string, result: ProgramResult): number | "unsupported" | { problem: string } {
  const [probe] = findAnswers(probeSchema, result.stdout);
  if (!probe) {
    if (/unknown command.{0,5}mcp/i.test(result.stderr + result.stdout)) return "unsupported";
    return { problem: explainOutput("openclaw mcp probe", result) };
  }
  const tools = probe.servers[entry]?.tools;
  if (tools !== undefined && tools > 0) return tools;
  const details = cleanLine(JSON.stringify(probe.diagnostics), MAX_REASON);
  return { problem: tools === 0 ? "it offers no tool" : `it did not answer: ${details}` };
}

/** The sessions that hooks started, as `openclaw sessions --json` of 2026.2 lists them, and the files with what was said. */
export function parseHookSessions({ stdout }: ProgramResult) {
  const [answer] = findAnswers(sessionsSchema, stdout);
  if (!answer) return [];
  const folder = posix.dirname(answer.path);
  return answer.sessions.flatMap(({ key, sessionId }) =>
    key.includes(":hook:") ? [{ key, transcript: posix.join(folder, `${sessionId}.jsonl`) }] : [],
  );
}

/** Whether the model has answered in a transcript; a run that failed has no answer, or one that stopped by an error. */
export function hasModelAnswer(transcript: string): boolean {
  return transcript.split("\n").some((line) => {
    // The last line may just be being written.
    const { success, data } = messageSchema.safeParse(tryParseJson(line));
    return success && data.message.role === "assistant" && data.message.stopReason !== "error";
  });
}

/** What OpenClaw's ledger says about spawned agents; undefined when this version has none. */
export function parseSpawnMetrics({ stdout }: ProgramResult): SpawnMetrics["spawned"] {
  const [answer] = findAnswers(openclawTasksSchema, stdout);
  if (!answer) return undefined;
  const spawned = answer.tasks.filter(({ runtime }) => runtime === "subagent");
  const waits = spawned.flatMap(({ createdAt, startedAt }) => (startedAt ? [startedAt - createdAt] : []));
  const runs = spawned.flatMap(({ startedAt, endedAt }) => (startedAt && endedAt ? [endedAt - startedAt] : []));
  return omitUndefined({
    total: spawned.length,
    failed: spawned.filter(({ status }) => /^(?:failed|timed_out|lost)$/.test(status)).length,
    mostAtOnce: countMostAtOnce(spawned),
    medianWaitMs: findMedian(waits),
    medianRunMs: findMedian(runs),
  });
}

function findMedian(values: readonly Ms[]): Ms | undefined {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

function countMostAtOnce(
  runs: readonly { startedAt?: number | null | undefined; endedAt?: number | null | undefined }[],
) {
  const changes = runs.flatMap(({ startedAt, endedAt }) =>
    startedAt ? [[startedAt, 1] as const, [endedAt ?? Number.POSITIVE_INFINITY, -1] as const] : [],
  );
  // One that ends when another starts does not overlap with it.
  changes.sort(([a, x], [b, y]) => a - b || x - y);
  let [now, most] = [0, 0];
  for (const [, change] of changes) {
    now += change;
    most = Math.max(most, now);
  }
  return most;
}

/** The lines of a log that show a refused system call, without the same line twice. */
export function findPermissionProblems(log: string): string[] {
  const lines = log.split("\n").filter((line) => PERMISSION_PROBLEM.test(line));
  return [...new Set(lines.map((line) => cleanLine(line, MAX_REASON)))];
}

/** The last lines of a log, cleaned, each of limited length. */
export function findLastLines(log: string, count: number): string[] {
  const lines = log.split("\n").map((line) => cleanLine(line, MAX_REASON));
  return lines.filter((line) => line !== "").slice(-count);
}

/** Describes what a program of OpenClaw did instead of answering. */
export function explainOutput(command: string, result: ProgramResult): string {
  if (result.problem !== undefined || result.status !== 0)
    return cleanLine(describeFailure(command, result), MAX_REASON);
  return `${command} gave an answer that cannot be read`;
}
