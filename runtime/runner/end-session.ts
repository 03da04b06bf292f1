import { z } from "zod";
import { cleanText } from "../../shared/clean-text.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import { type Ms, SECOND } from "../../shared/time.ts";
import { wait } from "../../shared/wait.ts";
import { readDetails } from "./observe-session.ts";
import { readSessionJson } from "./read-session-file.ts";
import type { RunnerContext } from "./runner-context.ts";
import { endSessionProcesses } from "./session-processes.ts";
import type { SessionRecord } from "./session-record.ts";
import { runHookOnce } from "./start-session.ts";
import type { Pane } from "./tmux.ts";

type Exit = NonNullable<SessionRecord["exit"]>;

/** Timeout for a session after /exit: 10 s, in which Claude ends its tools and stores the conversation. */
const EXIT_MS: Ms = 10 * SECOND;
/** Timeout for a session after its terminal was closed: 3 s. */
const HANGUP_MS: Ms = 3 * SECOND;
/** Timeout for the exit status of a dead pane: 3 s; a busy machine takes some time to end a program. */
const STATUS_MS: Ms = 3 * SECOND;
const CHECK_MS: Ms = 100;
/** Limit of what the SessionEnd hook wrote in bytes: 64 KB; it has 1 KB. */
const MAX_SESSION_END_BYTES = 64 * 1024;

/**
 * Records the end of a session: how it ended, its last screen and what it has done; ends the processes it left behind
 * and runs the hook `after_run`. Each step is repeated when the runner was killed before it was recorded.
 */
export async function finishSession(
  context: RunnerContext,
  record: SessionRecord,
  found: Pane | undefined,
  reason?: string,
): Promise<void> {
  const { records, tmux, settings, clock, log } = context;
  const name = settings.prefix + record.ticket;
  const pane = found?.isDead ? await waitForStatus(context, found) : found;
  if (record.phase !== "ended") {
    const details = await readDetails(context, record, pane);
    const exit = {
      ...getExit(pane, reason, hasEnded(context, record)),
      ...(reason === undefined ? {} : { text: cleanText(reason, 2_000) }),
    };
    const applied = [...new Set([...record.applied, ...(pane?.applied ?? [])])].slice(-200);
    const ended_at = new Date(clock()).toISOString();
    records.save({
      ...record,
      phase: "ended",
      ended_at,
      is_reported: false,
      is_acknowledged: false,
      exit,
      applied,
      details,
    });
    log.info("session ended", { ticket: record.ticket, run: record.run, reason: exit.reason, status: exit.status });
  }
  await endSessionProcesses(record.session_id);
  const ended = records.get(record.ticket) ?? record;
  const isOwnPane = pane?.run === ended.run && pane.sessionId === ended.session_id;
  if (isOwnPane) await tmux.killSession(name);
  await runAfterRun(context, ended);
}

/** Whether the hook `after_run` of an ended session still has to run. */
export function needsAfterRun({ phase, exit, hooks }: SessionRecord): boolean {
  return phase === "ended" && exit?.reason !== "start_failed" && !hooks.includes("after_run");
}

async function runAfterRun(context: RunnerContext, record: SessionRecord): Promise<void> {
  if (!needsAfterRun(record)) return;
  const { records, log } = context;
  try {
    await runHookOnce(context, record, "after_run");
  } catch (thrown) {
    const text = cleanText(getErrorMessage(thrown), 2_000);
    log.warn("hook failed", { ticket: record.ticket, reason: text });
    const details = { ...record.details, attention: text };
    records.save({
      ...record,
      hooks: [...record.hooks, "after_run"],
      details,
      is_reported: false,
      is_acknowledged: false,
    });
  }
}

/** Ends a session: by /exit when kindly, then by closing its terminal, then by killing its processes. */
export async function stopSession(
  context: RunnerContext,
  record: SessionRecord,
  how: "kindly" | "now",
  reason: string,
) {
  const { settings, tmux, records } = context;
  const name = settings.prefix + record.ticket;
  if (how === "kindly") await requestExit(context, name);
  const pane = await findPane(context, name);
  const isClosed = pane !== undefined && !pane.isDead;
  if (isClosed) await closeTerminal(context, name, record);
  const current = records.get(record.ticket) ?? record;
  await finishSession(context, current, isClosed ? undefined : pane, reason);
  await tmux.killSession(name);
}

/** Ends a session of which the runner has no record. Nothing is typed into one that the runner has not started. */
export async function endOrphan(context: RunnerContext, pane: Pane): Promise<void> {
  context.log.warn("orphan ended", { session: pane.name });
  if (!pane.isDead && pane.sessionId !== undefined) await requestExit(context, pane.name);
  await context.tmux.killSession(pane.name);
  if (pane.sessionId !== undefined) await endSessionProcesses(pane.sessionId);
}

/** Asks Claude to exit: Escape closes a dialog or stops the turn. Resolves when it has ended, or in 10 s. */
async function requestExit(context: RunnerContext, name: string) {
  const { tmux } = context;
  try {
    await tmux.pressKeys(name, ["Escape"]);
    await wait(CHECK_MS);
    await tmux.typeLine(name, "/exit");
  } catch {
    // It has ended meanwhile.
  }
  await waitForEnd(context, name, EXIT_MS);
}

/** Stores the last screen, then closes the terminal. */
async function closeTerminal(context: RunnerContext, name: string, record: SessionRecord) {
  const { tmux, records } = context;
  const details = await readDetails(context, record, await findPane(context, name));
  records.save({ ...record, details });
  await tmux.killSession(name);
  await waitForEnd(context, name, HANGUP_MS);
}

async function waitForEnd(context: RunnerContext, name: string, timeout: Ms) {
  for (let waited = 0; waited < timeout; waited += CHECK_MS) {
    const pane = await findPane(context, name);
    if (!pane || pane.isDead) return;
    await wait(CHECK_MS);
  }
}

/** A pane is dead some time before tmux knows the status of its program. */
async function waitForStatus(context: RunnerContext, dead: Pane): Promise<Pane> {
  for (let waited = 0; waited < STATUS_MS; waited += CHECK_MS) {
    const pane = (await findPane(context, dead.name)) ?? dead;
    if (pane.status !== undefined || pane.signal !== undefined) return pane;
    await wait(CHECK_MS);
    await context.tmux.collectStatuses();
  }
  return dead;
}

async function findPane({ tmux }: RunnerContext, name: string): Promise<Pane | undefined> {
  return (await tmux.listPanes()).find((pane) => pane.name === name);
}

/** Whether Claude itself has reported its end; it does not when it is killed. */
function hasEnded({ folders }: RunnerContext, { ticket }: SessionRecord): boolean {
  const json = readSessionJson(folders.getPaths(ticket).sessionEnd, MAX_SESSION_END_BYTES);
  const parsed = z.object({ reason: z.string() }).safeParse(json);
  // After /clear the program goes on.
  return parsed.success && parsed.data.reason !== "clear";
}

function getExit(pane: Pane | undefined, reason: string | undefined, isReported: boolean): Exit {
  if (!pane?.isDead) return { reason: reason === undefined ? "vanished" : "killed" };
  if (pane.signal !== undefined) return { reason: "killed", signal: pane.signal };
  if (pane.status !== undefined) return { reason: "exited", status: pane.status };
  return { reason: isReported ? "exited" : "killed" };
}
