/** What a session is doing, from its screen and its files: started, waiting for a person, interrupted, completed. */

import { join } from "node:path";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { cleanText } from "../../shared/text.ts";
import {
  MAX_REPORTED,
  MAX_SUMMARY_LENGTH,
  publicationSchema,
  type SessionReport,
} from "../../shared/tickets/exchange.ts";
import { type Ms, SECOND } from "../../shared/time.ts";
import { getDriver } from "./driver.ts";
import type { RunnerContext } from "./runner-context.ts";
import { readSessionFile, type SessionDetails, type SessionFile, type SessionRecord } from "./session-folder.ts";
import type { Pane } from "./tmux.ts";

/** Time after which a live session's completion file counts as complete: 1 s without a write. */
const COMPLETION_SETTLE_MS: Ms = SECOND;

/** Limit of a completion file in bytes: 80 KB, the longest summary in four-byte characters. */
const MAX_COMPLETION_BYTES = 80_000;

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

/** Whether the CLI of a session has begun. */
export function hasBegun(context: RunnerContext, ticket: string): boolean {
  return getDriver(context, ticket).hasBegun(context.records.getPaths(ticket));
}

/** Reads what is to report of a session. Without a pane the last screen stays. */
export async function readDetails(
  context: RunnerContext,
  record: SessionRecord,
  pane: Pane | undefined,
): Promise<SessionDetails> {
  const { tmux, gitStates, clock } = context;
  const [gitState, captured] = await Promise.all([gitStates.read(record), pane && tmux.captureScreen(pane.ticket)]);
  const screen = captured ?? record.details.screen;
  const isLive = pane !== undefined && !pane.isDead;
  const completion = readCompletion(context, record, isLive ? COMPLETION_SETTLE_MS : 0) ?? record.details.completion;
  const { problem, ...git } = gitState;
  const state = getDriver(context, record.ticket).observe(context, record, screen, isLive);
  const { progressAt = 0, tokens, interruption, cost } = state;
  const attention = problem ?? state.attention;
  const startedAt = Date.parse(record.started_at);
  const lastOutputAt = pane
    ? new Date(Math.min(pane.lastOutputAt, clock())).toISOString()
    : record.details.last_output_at;
  // Claude stores an interruption also when it is killed in a dialog; the resumed session asks again.
  const isInterrupted = isLive && interruption !== undefined && interruption.at >= startedAt;
  return {
    ...git,
    ...{ screen, last_progress_at: new Date(Math.max(startedAt, progressAt)).toISOString() },
    ...omitUndefined({ last_output_at: lastOutputAt, attention, tokens, completion }),
    ...omitUndefined({ interruption: isInterrupted ? interruption.id : undefined }),
    ...omitUndefined({ cost_usd: cost === undefined ? record.details.cost_usd : cost + record.cost_before }),
  };
}

function readCompletion(context: RunnerContext, record: SessionRecord, settle: Ms): SessionDetails["completion"] {
  const isSettled = ({ modifiedAt }: SessionFile) => context.clock() - modifiedAt >= settle;
  const paths = context.records.getPaths(record.ticket);
  const summary = readSummary(paths.completion, isSettled);
  if (summary !== undefined) return { summary, source: "file" };
  if (!context.settings.legacyFiles) return undefined;
  const startedAt = Date.parse(record.started_at);
  // A file of an earlier run says nothing about this one.
  const isOfThisRun = (file: SessionFile) => isSettled(file) && file.modifiedAt >= startedAt;
  const legacySummary = readSummary(join(paths.temporary, `completion-${record.ticket}.txt`), isOfThisRun);
  return legacySummary === undefined ? undefined : { summary: legacySummary, source: "legacy_file" };
}

function readSummary(path: string, isValid: (file: SessionFile) => boolean): string | undefined {
  const file = readSessionFile(path, MAX_COMPLETION_BYTES);
  return file && isValid(file) ? cleanText(file.text, MAX_SUMMARY_LENGTH) || undefined : undefined;
}
