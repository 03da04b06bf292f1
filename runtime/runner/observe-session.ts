/**
 * What sessions are doing: looks at tmux and at the sessions' screens and files, which say whether a session has
 * started, waits for a person, was interrupted or completed; and what is reported of it to Groundcrew.
 */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { getErrorMessage } from "../../shared/errors.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { cleanText } from "../../shared/text.ts";
import {
  MAX_REPORTED,
  MAX_SUMMARY_LENGTH,
  publicationSchema,
  type SessionReport,
} from "../../shared/tickets/exchange.ts";
import { createOrderedRunner, type Ms, SECOND } from "../../shared/time.ts";
import { getDriver } from "./driver.ts";
import type { RunnerContext } from "./runner-context.ts";
import { needsAfterRun, readSessionFile, type SessionDetails, type SessionRecord } from "./session-folder.ts";
import type { Pane } from "./tmux.ts";

/** Time between reads of a session's screen, files and branch: 2 s. */
const DETAILS_MS: Ms = 2 * SECOND;

/** Time between stored versions of them, which are needed after a restart of the machine: 30 s. */
const STORE_MS: Ms = 30 * SECOND;

/** Time after which a live session's completion file counts as complete: 1 s without a write. */
const COMPLETION_SETTLE_MS: Ms = SECOND;

/** Limit of a completion file in bytes: 80 KB, the longest summary in four-byte characters. */
const MAX_COMPLETION_BYTES = 80_000;

/**
 * Creates what looks at tmux and at the sessions' files.
 * @param isBusy whether a task of a ticket is running, which changes its record
 * @param finish is called for a session that has ended, until its end is finished
 */
export function createLook(
  context: RunnerContext,
  isBusy: (ticket: string) => boolean,
  finish: (record: SessionRecord, pane: Pane | undefined) => void,
) {
  const { tmux, records, clock, log } = context;
  let panes: Pane[] = [];
  let problem = "";
  const readAt = new Map<string, { details: Ms; stored: Ms }>();

  const findPane = (record: SessionRecord) =>
    panes.find(
      ({ ticket, run, sessionId }) => ticket === record.ticket && run === record.run && sessionId === record.session_id,
    );

  /** Reads tmux's sessions; false when it gives no answer, so that nobody concludes that sessions have vanished. */
  async function run(): Promise<boolean> {
    // A task that begins or ends meanwhile changes its record, so only unchanged ones can be compared with the panes.
    const before = records.list().filter(({ ticket }) => !isBusy(ticket));
    try {
      panes = await tmux.listPanes();
      problem = "";
    } catch (thrown) {
      if (problem === "") log.warn("tmux gives no answer", { reason: getErrorMessage(thrown) });
      problem = getErrorMessage(thrown);
      return false;
    }
    const unchanged = before.filter((record) => !isBusy(record.ticket) && records.get(record.ticket) === record);
    await Promise.all(unchanged.map((record) => lookAt(record, findPane(record))));
    return true;
  }

  async function lookAt(record: SessionRecord, pane: Pane | undefined): Promise<void> {
    const { ticket, phase } = record;
    if (phase === "preparing") return;
    if (phase === "ended") {
      if (needsAfterRun(record)) finish(record, pane);
      return;
    }
    // The launcher removes its file when it begins, so a session with this file has never run.
    if (phase === "launching" && !pane && existsSync(records.getPaths(ticket).launch)) return;
    if (!pane || pane.isDead) return finish(record, pane);
    if (phase === "launching") records.saveOrKeep({ ...record, phase: "launched" });
    await refreshDetails(ticket, pane);
  }

  async function refreshDetails(ticket: string, pane: Pane): Promise<void> {
    const last = readAt.get(ticket) ?? { details: 0, stored: clock() };
    const record = records.get(ticket);
    // People wait for the first output of a session, so each look reads it until there is some.
    const isAwaited = record?.details.screen === "";
    if (!record || (!isAwaited && clock() - last.details < DETAILS_MS)) return;
    readAt.set(ticket, { ...last, details: clock() });
    const details = await readDetails(context, record, pane);
    // A task may have changed the record meanwhile.
    if (isBusy(ticket) || records.get(ticket) !== record) return;
    const isDue = clock() - last.stored >= STORE_MS;
    if (isDue) readAt.set(ticket, { details: clock(), stored: clock() });
    records[isDue ? "saveOrKeep" : "keep"]({ ...record, details });
  }

  function getReports(): SessionReport[] {
    const reported = records.list().filter(({ is_acknowledged }) => !is_acknowledged);
    const reports = reported.map((record) => reportSession(context, record, findPane(record)));
    const rank = ({ state, started_at }: SessionReport) => `${state === "ended" ? 0 : 1} ${started_at}`;
    // Those that ended first are left out.
    return reports.toSorted((a, b) => (rank(a) < rank(b) ? 1 : -1)).slice(0, MAX_REPORTED);
  }

  const runInOrder = createOrderedRunner();
  return { run: () => runInOrder(run), getPanes: () => panes, getReports };
}

/** What is reported of a session to Groundcrew. */
function reportSession(context: RunnerContext, record: SessionRecord, pane: Pane | undefined): SessionReport {
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
export async function readDetails(context: RunnerContext, record: SessionRecord, pane?: Pane): Promise<SessionDetails> {
  const { tmux, worktrees, clock } = context;
  const [gitState, captured] = await Promise.all([
    worktrees.readState(record),
    pane && tmux.captureScreen(pane.ticket),
  ]);
  const screen = captured ?? record.details.screen;
  const isLive = pane !== undefined && !pane.isDead;
  const completion = readCompletion(context, record, isLive ? COMPLETION_SETTLE_MS : 0) ?? record.details.completion;
  const { problem, ...git } = gitState;
  const state = getDriver(context, record.ticket).observe?.(context, record, screen, isLive) ?? {};
  const { progressAt = 0, tokens, interruption, cost } = state;
  const startedAt = Date.parse(record.started_at);
  const lastOutputAt = pane
    ? new Date(Math.min(pane.lastOutputAt, clock())).toISOString()
    : record.details.last_output_at;
  // Claude stores an interruption also when it is killed in a dialog; the resumed session asks again.
  const isInterrupted = isLive && interruption !== undefined && interruption.at >= startedAt;
  return {
    ...git,
    ...{ screen, last_progress_at: new Date(Math.max(startedAt, progressAt)).toISOString() },
    ...omitUndefined({
      last_output_at: lastOutputAt,
      attention: problem ?? state.attention,
      interruption: isInterrupted ? interruption.id : undefined,
      cost_usd: cost === undefined ? record.details.cost_usd : cost + record.cost_before,
      ...{ tokens, completion },
    }),
  };
}

function readCompletion(context: RunnerContext, record: SessionRecord, settle: Ms): SessionDetails["completion"] {
  const { clock, records, settings } = context;
  const { completion, temporary } = records.getPaths(record.ticket);
  const legacyFile = { path: join(temporary, `completion-${record.ticket}.txt`), source: "legacy_file" } as const;
  // A legacy file of an earlier run says nothing about this one.
  const legacy = { ...legacyFile, since: Date.parse(record.started_at) };
  const files = [{ path: completion, source: "file", since: 0 } as const, ...(settings.legacyFiles ? [legacy] : [])];
  for (const { path, source, since } of files) {
    const file = readSessionFile(path, MAX_COMPLETION_BYTES);
    const isComplete = file && file.modifiedAt >= since && clock() - file.modifiedAt >= settle;
    const summary = isComplete ? cleanText(file.text, MAX_SUMMARY_LENGTH) : "";
    if (summary !== "") return { summary, source };
  }
  return undefined;
}
