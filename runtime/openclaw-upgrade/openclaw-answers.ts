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
  const turn = findAnswer(turnSchema, result);
  if (turn) return turn.status === "ok" ? undefined : `the turn ended with status ${cleanLine(turn.status, 40)}`;
  if (/falling back to embedded/i.test(result.stderr)) return "the turn ran without the gateway, which did not answer";
  return explainOutput("openclaw agent", result);
}

/** The first object of this form in what a command printed, which may have lines of a log around it. */
export function findAnswer<T>(schema: z.ZodType<T>, { stdout }: ProgramResult): T | undefined {
  return extractJsonObjects(stdout).flatMap((json) => schema.safeParse(json).data ?? [])[0];
}

/** The number of an MCP entry's tools, or why it cannot be used; `unsupported` for 2026.2, which has no such command. */
export function parseMcpProbe(entry: string, result: ProgramResult): number | "unsupported" | { problem: string } {
  const probe = findAnswer(probeSchema, result);
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
export function parseHookSessions(result: ProgramResult) {
  const { path, sessions } = findAnswer(sessionsSchema, result) ?? { path: "", sessions: [] };
  return sessions.flatMap(({ key, sessionId }) =>
    key.includes(":hook:") ? [{ key, transcript: posix.join(posix.dirname(path), `${sessionId}.jsonl`) }] : [],
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
export function parseSpawnMetrics(result: ProgramResult): SpawnMetrics["spawned"] {
  const spawned = findAnswer(openclawTasksSchema, result)?.tasks.filter(({ runtime }) => runtime === "subagent");
  if (!spawned) return undefined;
  const started = spawned.flatMap(({ startedAt, ...run }) => (startedAt ? [{ ...run, startedAt }] : []));
  // One that ends when another starts does not overlap with it.
  const countAt = (time: Ms) =>
    started.filter(({ startedAt, endedAt }) => startedAt <= time && (!endedAt || endedAt > time)).length;
  return omitUndefined({
    total: spawned.length,
    failed: spawned.filter(({ status }) => /^(?:failed|timed_out|lost)$/.test(status)).length,
    mostAtOnce: Math.max(0, ...started.map(({ startedAt }) => countAt(startedAt))),
    medianWaitMs: findMedian(started.map(({ createdAt, startedAt }) => startedAt - createdAt)),
    medianRunMs: findMedian(started.flatMap(({ startedAt, endedAt }) => (endedAt ? [endedAt - startedAt] : []))),
  });
}

function findMedian(values: readonly Ms[]): Ms | undefined {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

/** The lines of a log, cleaned, each of limited length and none twice; by default those that show a refused call. */
export function findLines(log: string, pattern = PERMISSION_PROBLEM): string[] {
  const lines = log.split("\n").filter((line) => pattern.test(line));
  return [...new Set(lines.map((line) => cleanLine(line, MAX_REASON)))];
}

/** Describes what a program of OpenClaw did instead of answering. */
export function explainOutput(command: string, result: ProgramResult): string {
  if (result.problem !== undefined || result.status !== 0)
    return cleanLine(describeFailure(command, result), MAX_REASON);
  return `${command} gave an answer that cannot be read`;
}
