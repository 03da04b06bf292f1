/** What a session is doing, from its screen and its files: started, waiting for a person, interrupted, completed. */

import { z } from "zod";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { cleanText } from "../../shared/text.ts";
import {
  MAX_REPORTED,
  MAX_SUMMARY_LENGTH,
  publicationSchema,
  type SessionReport,
} from "../../shared/tickets/exchange.ts";
import { type Ms, SECOND } from "../../shared/time.ts";
import type { RunnerContext } from "./runner-context.ts";
import {
  readSessionFile,
  readSessionJson,
  type SessionDetails,
  type SessionFile,
  type SessionRecord,
} from "./session-folder.ts";
import type { Pane } from "./tmux.ts";

/** Timeout for Claude's SessionStart hook: 10 s. It is only late when a dialog waits or Claude cannot start. */
const START_TIMEOUT_MS: Ms = 10 * SECOND;

/** Time after which a live session's completion file counts as complete: 1 s without a write. */
const COMPLETION_SETTLE_MS: Ms = SECOND;

/** Limit of a completion file in bytes: 80 KB, the longest summary in four-byte characters. */
const MAX_COMPLETION_BYTES = 80_000;

/** The part of the status line's input that is reported. */
const statusSchema = z.object({
  cost: z.object({ total_cost_usd: z.number().min(0) }),
});

/**
 * The line that Claude shows while it repeats a request to its model: why, and which attempt it is. Its text is the only
 * sign of it; what Claude stores then are requests.
 */
const RETRY_LINE = /^\s*\S (\S.{0,300}?) · (?:retrying|will retry)(?:.* attempt (\d+)\/\d+)?/m;

/** Attempt from which the problem is reported: the third. Most first failures are over in a second. */
const MIN_ATTEMPT = 3;

/** Limit of the lines in which such a line is looked for: the last 15, where Claude draws what it is doing. */
const STATUS_LINES = 15;

/** Dialogs of Claude before a session begins, by a text on the screen. A person answers them: some accept risks. */
const START_DIALOGS: readonly [RegExp, string][] = [
  [/Accessing workspace:.*I trust this folder/s, "whether this folder is trusted"],
  [/Detected a custom API key in your environment/, "whether to use the API key of the environment"],
  [/Claude Code running in Bypass Permissions mode/, "whether to run without permissions"],
  [/New MCP server found in this project/, "whether to use an MCP server of the repository"],
  [/Adding a new directory:/, "whether to add a folder"],
  [/Unable to connect to Anthropic services/, "nothing, but it cannot reach Anthropic"],
  [/Choose the text style|Let's get started|Select login method/, "its first questions; run it once by hand"],
];

/** What is reported of a session to Groundcrew. */
export function reportSession(context: RunnerContext, record: SessionRecord, pane: Pane | undefined): SessionReport {
  const { ticket, run, round, session_id, phase, started_at, branch, exit, details, tests } = record;
  const { is_new_conversation, kept_apart } = record;
  const publication = record.publication && publicationSchema.parse(record.publication);
  const isRunning = phase === "launched" && hasBegun(context, ticket);
  return {
    ...{ ticket, run, round, session_id, name: context.tmux.getName(ticket), started_at, branch },
    state: phase === "ended" ? "ended" : isRunning ? "running" : "starting",
    ...(phase === "ended" && exit ? { exit } : {}),
    ...details,
    ...omitUndefined({ tests, publication, is_new_conversation, kept_apart: kept_apart || undefined }),
    applied: mergeApplied(record, pane).slice(-MAX_REPORTED),
  };
}

/** The ids of the inputs that have reached this run of a session: earlier launches, by its record, and the present one. */
export function mergeApplied(record: SessionRecord | undefined, pane: Pane | undefined): string[] {
  return [...new Set([...(record?.applied ?? []), ...(pane?.applied ?? [])])];
}

/** Whether Claude has begun: its SessionStart hook has written its file. */
export function hasBegun({ records }: RunnerContext, ticket: string): boolean {
  return readSessionFile(records.getPaths(ticket).sessionStart, 1) !== undefined;
}

/** Reads what is to report of a session. Without a pane the last screen stays. */
export async function readDetails(
  context: RunnerContext,
  record: SessionRecord,
  pane: Pane | undefined,
): Promise<SessionDetails> {
  const { tmux, gitStates, records, clock } = context;
  const paths = records.getPaths(record.ticket);
  const [gitState, captured] = await Promise.all([gitStates.read(record), pane && tmux.captureScreen(pane.ticket)]);
  const screen = captured ?? record.details.screen;
  const isLive = pane !== undefined && !pane.isDead;
  const completion = readCompletion(context, record, isLive ? COMPLETION_SETTLE_MS : 0) ?? record.details.completion;
  const attention = isLive ? findAttention(context, record, screen) : undefined;
  const { progressAt = 0, tokens, interruption } = context.conversations.read(record.ticket, paths);
  const startedAt = Date.parse(record.started_at);
  const lastOutputAt = pane
    ? new Date(Math.min(pane.lastOutputAt, clock())).toISOString()
    : record.details.last_output_at;
  // Claude stores an interruption also when it is killed in a dialog; the resumed session asks again.
  const isInterrupted = isLive && interruption !== undefined && interruption.at >= startedAt;
  const cost = readSessionJson(paths.status, statusSchema)?.cost.total_cost_usd;
  return {
    ...gitState,
    ...{ screen, last_progress_at: new Date(Math.max(startedAt, progressAt)).toISOString() },
    ...omitUndefined({ last_output_at: lastOutputAt, attention, tokens, completion }),
    ...omitUndefined({ interruption: isInterrupted ? interruption.id : undefined }),
    ...omitUndefined({ cost_usd: cost === undefined ? record.details.cost_usd : cost + record.cost_before }),
  };
}

function readCompletion(context: RunnerContext, record: SessionRecord, settle: Ms): SessionDetails["completion"] {
  const isSettled = ({ modifiedAt }: SessionFile) => context.clock() - modifiedAt >= settle;
  const summary = readSummary(context.records.getPaths(record.ticket).completion, isSettled);
  if (summary !== undefined) return { summary, source: "file" };
  if (!context.settings.legacyFiles) return undefined;
  const startedAt = Date.parse(record.started_at);
  // A file of an earlier run says nothing about this one.
  const isOfThisRun = (file: SessionFile) => isSettled(file) && file.modifiedAt >= startedAt;
  const legacySummary = readSummary(`/tmp/completion-${record.ticket}.txt`, isOfThisRun);
  return legacySummary === undefined ? undefined : { summary: legacySummary, source: "legacy_file" };
}

function readSummary(path: string, isValid: (file: SessionFile) => boolean): string | undefined {
  const file = readSessionFile(path, MAX_COMPLETION_BYTES);
  return file && isValid(file) ? cleanText(file.text, MAX_SUMMARY_LENGTH) || undefined : undefined;
}

function findAttention(context: RunnerContext, record: SessionRecord, screen: string): string | undefined {
  if (hasBegun(context, record.ticket)) return findModelProblem(screen);
  const dialog = findStartDialog(screen);
  if (dialog !== undefined) return `Claude asks at its start: ${dialog}. Answer in the terminal.`;
  const isLate = context.clock() - Date.parse(record.started_at) >= START_TIMEOUT_MS;
  return isLate ? "Claude has not started within 10 s: no SessionStart. Look at the terminal." : undefined;
}

/** Says what a dialog on the screen asks; undefined when none is known there. */
export function findStartDialog(screen: string): string | undefined {
  return START_DIALOGS.find(([pattern]) => pattern.test(screen))?.[1];
}

/** Says why the model does not answer, while Claude repeats its request; undefined when it does not. */
export function findModelProblem(screen: string): string | undefined {
  const lines = screen.trimEnd().split("\n").slice(-STATUS_LINES);
  const [, reason, attempt = MIN_ATTEMPT] = RETRY_LINE.exec(lines.join("\n")) ?? [];
  return reason !== undefined && Number(attempt) >= MIN_ATTEMPT
    ? `Claude repeats its request to the model: ${reason}`
    : undefined;
}
