import { getErrorMessage } from "../../shared/errors.ts";
import { type Ms, SECOND } from "../../shared/time.ts";
import { finishSession, needsAfterRun } from "./end-session.ts";
import { readDetails, reportSession, type SessionReport } from "./observe-session.ts";
import type { RunnerContext } from "./runner-context.ts";
import type { SessionRecord } from "./session-record.ts";
import type { TicketTasks } from "./ticket-tasks.ts";
import type { Pane } from "./tmux.ts";

/** Time between reads of a session's screen, files and branch: 2 s. */
const DETAILS_MS: Ms = 2 * SECOND;
/** Time between stored versions of them, which are needed after a restart of the machine: 30 s. */
const STORE_MS: Ms = 30 * SECOND;
/** Limit of reported sessions: 200, as the wire format has it. Those that ended first are left out. */
const MAX_REPORTS = 200;

/** Looks at tmux and at the sessions' files, and finishes sessions that have ended. */
export function createLook(context: RunnerContext, tasks: TicketTasks) {
  const { tmux, records, settings, folders, clock, log } = context;
  let panes: Pane[] = [];
  let problem = "";
  const readAt = new Map<string, { details: Ms; stored: Ms }>();

  const findPane = (record: SessionRecord) =>
    panes.find(
      ({ name, run, sessionId }) =>
        name === settings.prefix + record.ticket && run === record.run && sessionId === record.session_id,
    );

  let latest: Promise<boolean> = Promise.resolve(true);

  /** Reads tmux's sessions, one look after the other; false when it gives no answer, so that nobody concludes that sessions have vanished. */
  function run(): Promise<boolean> {
    latest = latest.then(runOnce);
    return latest;
  }

  async function runOnce(): Promise<boolean> {
    // A task that begins or ends meanwhile changes its record, so only unchanged ones can be compared with the panes.
    const before = records.list().filter(({ ticket }) => !tasks.isBusy(ticket));
    try {
      panes = await tmux.listPanes();
      problem = "";
    } catch (thrown) {
      if (problem === "") log.warn("tmux gives no answer", { reason: getErrorMessage(thrown) });
      problem = getErrorMessage(thrown);
      return false;
    }
    const unchanged = before.filter((record) => !tasks.isBusy(record.ticket) && records.get(record.ticket) === record);
    await Promise.all(unchanged.map((record) => lookAt(record, findPane(record))));
    return true;
  }

  async function lookAt(record: SessionRecord, pane: Pane | undefined): Promise<void> {
    const { ticket, phase } = record;
    if (phase === "preparing") return;
    if (phase === "ended") {
      if (needsAfterRun(record)) tasks.run(ticket, () => finishSession(context, record, pane));
      return;
    }
    // The launcher removes its file when it begins, so a session with this file has never run.
    if (phase === "launching" && !pane && folders.hasLaunchFile(ticket)) return;
    if (!pane || pane.isDead) {
      tasks.run(ticket, () => finishSession(context, record, pane));
      return;
    }
    if (phase === "launching") records.save({ ...record, phase: "launched" });
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
    if (tasks.isBusy(ticket) || records.get(ticket) !== record) return;
    const isDue = clock() - last.stored >= STORE_MS;
    if (isDue) readAt.set(ticket, { details: clock(), stored: clock() });
    records[isDue ? "save" : "keep"]({ ...record, details });
  }

  function getReports(): SessionReport[] {
    const reported = records.list().filter(({ is_acknowledged }) => !is_acknowledged);
    const reports = reported.map((record) => reportSession(context, record, findPane(record)));
    const rank = ({ state, started_at }: SessionReport) => `${state === "ended" ? 0 : 1} ${started_at}`;
    return reports.toSorted((a, b) => (rank(a) < rank(b) ? 1 : -1)).slice(0, MAX_REPORTS);
  }

  return { run, getPanes: () => panes, getReports };
}
