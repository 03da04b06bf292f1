import { z } from "zod";
import { cleanText } from "../../shared/clean-text.ts";
import { type ExchangeRequest, MAX_SUMMARY_LENGTH } from "../../shared/tickets/exchange.ts";
import { type Ms, SECOND } from "../../shared/time.ts";
import { findInterruption } from "./find-interruption.ts";
import { readSessionFile, readSessionJson, type SessionFile } from "./read-session-file.ts";
import type { RunnerContext } from "./runner-context.ts";
import type { SessionDetails, SessionRecord } from "./session-record.ts";
import { findStartDialog } from "./start-dialogs.ts";
import type { Pane } from "./tmux.ts";

export type SessionReport = ExchangeRequest["sessions"][number];

/** Timeout for Claude's SessionStart hook: 10 s. It is only late when a dialog waits or Claude cannot start. */
const START_TIMEOUT_MS: Ms = 10 * SECOND;
/** Time after which a live session's completion file counts as complete: 1 s without a write. */
const COMPLETION_SETTLE_MS: Ms = SECOND;
/** Limit of a completion file in bytes: 80 KB, the longest summary in four-byte characters. */
const MAX_COMPLETION_BYTES = 80_000;
const MAX_STATUS_BYTES = 64 * 1024;

/** The part of the status line's input that is reported. */
const statusSchema = z.object({
  cost: z.object({ total_cost_usd: z.number().min(0) }),
  context_window: z.object({ total_input_tokens: z.int().min(0), total_output_tokens: z.int().min(0) }),
});

/** Whether Claude has begun: its SessionStart hook has written its file. */
export function hasBegun({ folders }: RunnerContext, ticket: string): boolean {
  return readSessionFile(folders.getPaths(ticket).sessionStart, 1) !== undefined;
}

/** Reads what is to report of a session. Without a pane the last screen stays. */
export async function readDetails(
  context: RunnerContext,
  record: SessionRecord,
  pane: Pane | undefined,
): Promise<SessionDetails> {
  const { tmux, gitStates, folders, clock } = context;
  const [gitState, captured] = await Promise.all([gitStates.read(record), pane && tmux.captureScreen(pane.name)]);
  const screen = captured ?? record.details.screen;
  const isLive = pane !== undefined && !pane.isDead;
  const completion = readCompletion(context, record, isLive ? COMPLETION_SETTLE_MS : 0) ?? record.details.completion;
  const attention = isLive ? findAttention(context, record, screen) : undefined;
  const interruption = isLive ? findInterruption(folders.getPaths(record.ticket)) : undefined;
  const lastOutputAt = pane
    ? new Date(Math.min(pane.lastOutputAt, clock())).toISOString()
    : record.details.last_output_at;
  return {
    ...gitState,
    ...readStatus(folders.getPaths(record.ticket).status),
    screen,
    ...(lastOutputAt === undefined ? {} : { last_output_at: lastOutputAt }),
    ...(attention === undefined ? {} : { attention }),
    ...(interruption === undefined ? {} : { interruption }),
    ...(completion === undefined ? {} : { completion }),
  };
}

/** What is reported of a session to Groundcrew. */
export function reportSession(context: RunnerContext, record: SessionRecord, pane: Pane | undefined): SessionReport {
  const { ticket, run, session_id, phase, started_at, branch, exit, details } = record;
  const isRunning = phase === "launched" && hasBegun(context, ticket);
  return {
    ...{ ticket, run, session_id, name: context.settings.prefix + ticket, started_at, branch },
    state: phase === "ended" ? "ended" : isRunning ? "running" : "starting",
    ...(phase === "ended" && exit ? { exit } : {}),
    ...details,
    applied: [...new Set([...record.applied, ...(pane?.applied ?? [])])].slice(-200),
  };
}

function findAttention(context: RunnerContext, record: SessionRecord, screen: string): string | undefined {
  if (hasBegun(context, record.ticket)) return undefined;
  const dialog = findStartDialog(screen);
  if (dialog !== undefined) return `Claude asks at its start: ${dialog}. Answer in the terminal.`;
  const isLate = context.clock() - Date.parse(record.started_at) >= START_TIMEOUT_MS;
  return isLate ? "Claude has not started within 10 s: no SessionStart. Look at the terminal." : undefined;
}

/** Reads cost and tokens; nothing unless the status line has written them. */
function readStatus(path: string): Pick<SessionDetails, "cost_usd" | "tokens"> {
  const parsed = statusSchema.safeParse(readSessionJson(path, MAX_STATUS_BYTES));
  if (!parsed.success) return {};
  const { cost, context_window } = parsed.data;
  return {
    cost_usd: cost.total_cost_usd,
    tokens: { input: context_window.total_input_tokens, output: context_window.total_output_tokens },
  };
}

function readCompletion(context: RunnerContext, record: SessionRecord, settle: Ms): SessionDetails["completion"] {
  const isSettled = ({ modifiedAt }: SessionFile) => context.clock() - modifiedAt >= settle;
  const summary = readSummary(context.folders.getPaths(record.ticket).completion, isSettled);
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
