import { getErrorMessage } from "../../shared/errors.ts";
import type { ExchangeAnswer, ExchangeRequest } from "../../shared/tickets/exchange.ts";
import { MINUTE, type Ms, SECOND } from "../../shared/time.ts";
import { VERSION } from "../../shared/version.ts";
import { wait } from "../../shared/wait.ts";
import { endOrphan, stopSession } from "./end-session.ts";
import type { ExchangeClient } from "./exchange-client.ts";
import type { FrameClient } from "./frame-client.ts";
import { createLook } from "./look.ts";
import type { SessionReport } from "./observe-session.ts";
import { planActions, type RunnerAction } from "./plan-actions.ts";
import { removeSession } from "./remove-session.ts";
import type { RunnerContext } from "./runner-context.ts";
import { hasWaitingInput, sendInputs } from "./send-inputs.ts";
import { adoptSession, startSession } from "./start-session.ts";
import { createTicketTasks } from "./ticket-tasks.ts";
import { createTerminalWatch } from "./watch-terminals.ts";

/** Time between looks at tmux: 500 ms. */
const LOOK_MS: Ms = 500;
/** Time for which Groundcrew may hold its answer: 20 s, and 2 s while a session that it wants is not there. */
const IDLE_WAIT_MS: Ms = 20 * SECOND;
const PENDING_WAIT_MS: Ms = 2 * SECOND;
/** Time between two exchanges of which only screens, commits or costs differ: 2 s. Other news are sent at once. */
const DETAILS_PAUSE_MS: Ms = 2 * SECOND;
/** Shortest time between two exchanges: 200 ms. */
const EXCHANGE_PAUSE_MS: Ms = 200;
/** Time for which answers older than the newest one are ignored: 1 min. After it, Groundcrew's store was restored. */
const OLDER_ANSWERS_MS: Ms = MINUTE;

/**
 * Brings what tmux has to what Groundcrew wants, until the signal: looks at tmux, sends the whole observation, gets the
 * whole desired state, acts. Sessions live in tmux and outlive the runner.
 */
export async function runRunner(
  context: RunnerContext,
  { exchange, sendFrame }: ExchangeClient & FrameClient,
  { instance, folderId, signal }: { instance: string; folderId: string; signal: AbortSignal },
): Promise<void> {
  const { settings, records, clock, log, tmux } = context;
  const tasks = createTicketTasks(log);
  const look = createLook(context, tasks);
  const terminals = createTerminalWatch(context, { frames: { sendFrame }, getPanes: look.getPanes, signal });
  let seen = "";
  let acceptedAt = clock();
  let wanted: string[] = [];
  /** An action of the newest answer has to wait for a task of its ticket, or for the start of its session. */
  let isDelayed = false;
  let sent = { at: clock(), news: "", details: "" };
  let interruption = new AbortController();

  const background = Promise.all([lookRepeatedly(), terminals.run()]);
  while (!signal.aborted) {
    const request = buildRequest();
    interruption = new AbortController();
    sent = { at: clock(), news: formatNews(request.sessions), details: JSON.stringify(request.sessions) };
    const result = await exchange(request, AbortSignal.any([signal, interruption.signal]));
    if (result.kind === "answer") {
      markReported(request);
      if (isNewest(result.answer)) await act(result.answer);
    }
    await wait(result.kind === "failed" ? result.retryIn : EXCHANGE_PAUSE_MS, signal);
  }
  await background;
  await tasks.waitUntilIdle();

  async function lookRepeatedly() {
    while (!signal.aborted) {
      await look.run();
      const reports = look.getReports();
      const areDetailsDue = clock() - sent.at >= DETAILS_PAUSE_MS && JSON.stringify(reports) !== sent.details;
      // News end the wait for an answer; they are sent at once.
      if (areDetailsDue || formatNews(reports) !== sent.news) interruption.abort();
      await wait(LOOK_MS, signal);
    }
  }

  function buildRequest(): ExchangeRequest {
    const sessions = look.getReports();
    const live = sessions.flatMap(({ ticket, state }) => (state === "ended" ? [] : [ticket]));
    const isPending = isDelayed || wanted.some((ticket) => !live.includes(ticket));
    return {
      ...{
        runner: settings.runner,
        instance,
        folder: folderId,
        version: VERSION,
        repositories: [...settings.repositories.keys()],
      },
      ...{ seen, wait_ms: isPending ? PENDING_WAIT_MS : IDLE_WAIT_MS, sessions },
      watched: live.filter(terminals.isWatched),
    };
  }

  /** Groundcrew now knows these ends; until then, a session that it still wants may be one whose end it missed. */
  function markReported({ sessions }: ExchangeRequest) {
    for (const { ticket, run, state, started_at } of sessions) {
      const record = records.get(ticket);
      const isSame = record?.run === run && record.started_at === started_at && record.phase === "ended";
      if (isSame && state === "ended" && !record.is_reported) records.save({ ...record, is_reported: true });
    }
  }

  function isNewest({ revision, sessions }: ExchangeAnswer): boolean {
    const isOlder = /^\d+$/.test(revision) && /^\d+$/.test(seen) && BigInt(revision) < BigInt(seen);
    if (isOlder && clock() - acceptedAt < OLDER_ANSWERS_MS) {
      log.warn("older answer ignored", { revision, seen });
      return false;
    }
    seen = revision;
    acceptedAt = clock();
    wanted = sessions.map(({ ticket }) => ticket);
    return true;
  }

  async function act(answer: ExchangeAnswer) {
    terminals.update(answer);
    if (!(await look.run())) return;
    const panes = look.getPanes();
    const input = { answer, records: records.list(), panes, prefix: settings.prefix, now: clock() };
    isDelayed = false;
    for (const action of planActions(input)) {
      const ticket = action.kind === "end_orphan" ? action.name.slice(settings.prefix.length) : action.ticket;
      isDelayed ||= tasks.isBusy(ticket) || (action.kind === "send" && hasWaitingInput(context, action.desired));
      if (action.kind === "acknowledge") acknowledgeEnd(ticket);
      else tasks.run(ticket, () => perform(action));
    }
  }

  /** Groundcrew needs no more reports of this end. */
  function acknowledgeEnd(ticket: string) {
    const record = records.get(ticket);
    if (record && !tasks.isBusy(ticket)) records.save({ ...record, is_acknowledged: true });
  }

  async function perform(action: Exclude<RunnerAction, { kind: "acknowledge" }>): Promise<void> {
    switch (action.kind) {
      case "start":
        return startSession(context, action.desired);
      case "adopt":
        return adoptSession(context, action.desired);
      case "send": {
        // An earlier task may have typed since the last look, so what has reached the session is read again.
        const panes = action.desired.inputs.length > 0 ? await tmux.listPanes() : look.getPanes();
        const pane = panes.find(({ name }) => name === settings.prefix + action.ticket);
        return pane && !pane.isDead ? sendInputs(context, action.desired, pane) : undefined;
      }
      case "end_orphan": {
        const pane = (await tmux.listPanes()).find(({ name }) => name === action.name);
        return pane && endOrphan(context, pane);
      }
      case "stop":
      case "remove": {
        const record = records.get(action.ticket);
        if (!record) return;
        if (action.kind === "remove") return removeSession(context, record, action.force);
        return stopSession(context, record, action.how, action.reason).catch((thrown: unknown) => {
          throw new Error(`The session cannot be ended: ${getErrorMessage(thrown)}`);
        });
      }
    }
  }
}

/** A text that differs when something has happened that Groundcrew should know at once. */
function formatNews(reports: readonly SessionReport[]): string {
  return JSON.stringify(
    reports.map(({ ticket, run, state, exit, completion, attention, interruption, applied, started_at, screen }) => [
      ...[ticket, run, state, started_at, exit, completion, attention, interruption, applied, screen !== ""],
    ]),
  );
}
