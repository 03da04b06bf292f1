/**
 * The runner's loop: look at what runs, tell Groundcrew, receive what is to run, and act on the difference, one task
 * per ticket. plan-actions.ts decides, and nothing is remembered that a look could not find again.
 */

import { existsSync } from "node:fs";
import { getErrorMessage } from "../../shared/errors.ts";
import type { Log } from "../../shared/log.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import {
  type ExchangeAnswer,
  type ExchangeRequest,
  type HostCheck,
  MAX_INPUT_LENGTH,
  MAX_REPORTED,
  type SessionReport,
  type WorktreeReport,
} from "../../shared/tickets/exchange.ts";
import { MINUTE, type Ms, SECOND, wait } from "../../shared/time.ts";
import { VERSION } from "../../shared/version.ts";
import { checkHost } from "./check-host.ts";
import { CLEANING_MS, cleanWorktrees, removeIfUnneeded } from "./clean-worktrees.ts";
import { getDriver, type Input } from "./driver.ts";
import { createTerminalWatch, type ExchangeClient } from "./exchange-client.ts";
import { hasBegun, mergeApplied, readDetails, reportSession } from "./observe-session.ts";
import { type DesiredSession, findUnknown, planActions, type RunnerAction } from "./plan-actions.ts";
import { createPublicationPoll, publishBranch } from "./publish.ts";
import type { RunnerContext } from "./runner-context.ts";
import { sendDifferences } from "./send-differences.ts";
import { runTests } from "./session-commands.ts";
import type { SessionRecord } from "./session-folder.ts";
import {
  adoptSession,
  endOrphan,
  finishSession,
  needsAfterRun,
  removeSession,
  startSession,
  stopSession,
} from "./session-lifecycle.ts";
import { ENTER_DELAY_MS, type Pane } from "./tmux.ts";

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

/** Time between reads of a session's screen, files and branch: 2 s. */
const DETAILS_MS: Ms = 2 * SECOND;

/** Time between stored versions of them, which are needed after a restart of the machine: 30 s. */
const STORE_MS: Ms = 30 * SECOND;

/** Time between two looks at the base branches for policies: 10 s. */
const POLICIES_MS: Ms = 10 * SECOND;

/** Time between two checks of the machine: 10 min, and 1 min while something is missing, which a person may be repairing. */
const CHECKS_MS: Ms = 10 * MINUTE;

const REPAIR_CHECKS_MS: Ms = MINUTE;

/** Timeout for the last exchange, which says that the runner stops: 2 s; service managers wait for longer. */
const STOP_TIMEOUT_MS: Ms = 2 * SECOND;

/** Name of a ticket's task that publishes or looks at what is published. */
const toPublishing = (ticket: string) => `publication of ${ticket}`;

/**
 * Brings what tmux has to what Groundcrew wants, until the signal: looks at tmux, sends the whole observation, gets the
 * whole desired state, acts. Sessions live in tmux and outlive the runner.
 */
export async function runRunner(
  context: RunnerContext,
  client: ExchangeClient,
  { instance, folderId, signal }: { instance: string; folderId: string; signal: AbortSignal },
): Promise<void> {
  const { settings, records, clock, log, tmux, policies } = context;
  const tasks = createTicketTasks(log);
  const look = createLook(context, tasks);
  const terminals = createTerminalWatch(context, client, look.getPanes, signal);
  let seen = "";
  let acceptedAt = clock();
  let wanted: string[] = [];
  let unknown: string[] = [];
  /** An action of the newest answer has to wait for a task of its ticket, or for the start of its session. */
  let isDelayed = false;
  let sent = { at: clock(), news: "", details: "" };
  let interruption = new AbortController();

  let worktrees: WorktreeReport[] = [];
  let checks: HostCheck[] = [];
  const background = Promise.all([
    lookRepeatedly(),
    terminals.run(),
    cleanRepeatedly(),
    checkRepeatedly(),
    pollRepeatedly(),
    readPoliciesRepeatedly(),
    sendDifferences(context, client, signal),
  ]);
  while (!signal.aborted) {
    const request = buildRequest();
    interruption = new AbortController();
    sent = { at: clock(), news: formatNews(request.sessions), details: JSON.stringify(request.sessions) };
    const interruptions = AbortSignal.any([signal, interruption.signal]);
    const { answer, retryIn = EXCHANGE_PAUSE_MS } = await client.exchange(request, interruptions);
    if (answer) {
      markReported(request);
      if (isNewest(answer)) await act(answer);
    }
    await wait(retryIn, signal);
  }
  await background;
  await tasks.waitUntilIdle();
  // Tickets that it has not begun are placed on another runner at once.
  await client.exchange({ ...buildRequest(), wait_ms: 0, stopping: true }, AbortSignal.timeout(STOP_TIMEOUT_MS));

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

  async function cleanRepeatedly() {
    while (!signal.aborted) {
      worktrees = await cleanWorktrees(context, tasks.run).catch((thrown: unknown) => {
        log.warn("worktrees cannot be listed", { reason: getErrorMessage(thrown) });
        return [];
      });
      await wait(CLEANING_MS, signal);
    }
  }

  /** Looks at pull requests; a worktree whose pull request is merged is removed once Groundcrew knows. */
  async function pollRepeatedly() {
    const poll = createPublicationPoll(context);
    while (!signal.aborted) {
      for (const record of poll.listDue()) tasks.run(toPublishing(record.ticket), () => poll.look(record));
      for (const { ticket, publication, removable, is_acknowledged } of records.list())
        if (publication?.state === "merged" && removable && is_acknowledged)
          tasks.run(ticket, () => removeIfUnneeded(context, ticket));
      await wait(LOOK_MS, signal);
    }
  }

  /** Looks at the base branches. Groundcrew learns at once what has changed there. */
  async function readPoliciesRepeatedly() {
    let known = JSON.stringify(policies.listReports());
    while (!signal.aborted) {
      await wait(POLICIES_MS, signal);
      await policies.readAll();
      // A start of a session reads them, too.
      const present = JSON.stringify(policies.listReports());
      if (present === known) continue;
      known = present;
      await lookAtHost();
      interruption.abort();
    }
  }

  async function checkRepeatedly() {
    while (!signal.aborted) {
      const isComplete = await lookAtHost();
      await wait(isComplete ? CHECKS_MS : REPAIR_CHECKS_MS, signal);
    }
  }

  /** Checks the machine; returns whether it has all that sessions need. */
  async function lookAtHost(): Promise<boolean> {
    const before = checks;
    checks = await checkHost(context);
    const missing = checks.filter(({ status }) => status !== "ok");
    for (const { name, detail, todo } of missing)
      if (!before.some((check) => check.name === name && check.detail === detail))
        log.warn("sessions need something of this machine", { check: name, detail, ...omitUndefined({ todo }) });
    return missing.length === 0;
  }

  function buildRequest(): ExchangeRequest {
    const sessions = look.getReports();
    const live = sessions.flatMap(({ ticket, state }) => (state === "ended" ? [] : [ticket]));
    const isPending = isDelayed || wanted.some((ticket) => !live.includes(ticket));
    const { runner, repositories } = settings;
    return {
      ...{ runner, instance, folder: folderId, version: VERSION, repositories: [...repositories.keys()] },
      ...{ seen, wait_ms: isPending ? PENDING_WAIT_MS : IDLE_WAIT_MS, sessions },
      ...{ watched: live.filter(terminals.isWatched), worktrees, checks, policies: policies.listReports() },
    };
  }

  /** Groundcrew now knows these ends; until then, a session that it still wants may be one whose end it missed. */
  function markReported({ sessions }: ExchangeRequest) {
    for (const { ticket, run, state, started_at } of sessions) {
      const record = records.get(ticket);
      const isSame = record?.run === run && record.started_at === started_at && record.phase === "ended";
      if (isSame && state === "ended" && !record.is_reported) records.saveOrKeep({ ...record, is_reported: true });
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
    const input = { answer, records: records.list(), panes, now: clock() };
    const before = unknown;
    unknown = findUnknown(input);
    for (const ticket of unknown)
      if (!before.includes(ticket)) log.warn("Groundcrew does not know this session, which goes on", { ticket });
    isDelayed = answer.publish.some(({ ticket }) => records.get(ticket)?.phase !== "ended");
    for (const action of planActions(input)) {
      const { ticket } = action;
      // Tests take long, and what happens to the session meanwhile does not wait for them.
      if (action.kind === "test") {
        tasks.run(`tests of ${ticket}`, () => runTests(context, ticket, action.id));
        continue;
      }
      if (action.kind === "publish") {
        tasks.run(toPublishing(ticket), () => publishBranch(context, action.wish));
        continue;
      }
      const inputs = action.kind === "send" ? action.desired.inputs : [];
      isDelayed ||= tasks.isBusy(ticket) || inputs.some((one) => !canSend(context, ticket, one));
      const record = records.get(ticket);
      if (action.kind !== "acknowledge") tasks.run(ticket, () => perform(action));
      else if (record && !tasks.isBusy(ticket)) records.saveOrKeep({ ...record, is_acknowledged: true });
    }
  }

  async function perform(action: Exclude<RunnerAction, { kind: "acknowledge" | "test" | "publish" }>): Promise<void> {
    switch (action.kind) {
      case "start":
        return startSession(context, action.desired);
      case "adopt":
        return adoptSession(context, action.desired);
      case "send": {
        // An earlier task may have typed since the last look, so what has reached the session is read again.
        const panes = action.desired.inputs.length > 0 ? await tmux.listPanes() : look.getPanes();
        const pane = panes.find(({ ticket }) => ticket === action.ticket);
        return pane && !pane.isDead ? sendInputs(context, action.desired, pane) : undefined;
      }
      case "end_orphan": {
        const pane = await tmux.findPane(action.ticket);
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

/** Runs at most one task for each ticket at a time, so that a slow hook of one ticket delays no other. */
function createTicketTasks(log: Log) {
  const running = new Map<string, Promise<unknown>>();
  return {
    isBusy: (ticket: string) => running.has(ticket),
    /** Starts a task unless one of this ticket is running. A failure is logged; the next look or answer tries again. */
    run(ticket: string, task: () => Promise<unknown> | undefined): Promise<void> {
      if (running.has(ticket)) return Promise.resolve();
      const done = Promise.resolve()
        .then(task)
        .catch((thrown: unknown) => log.warn("task failed", { ticket, reason: getErrorMessage(thrown) }))
        .then(() => void running.delete(ticket));
      running.set(ticket, done);
      return done;
    },
    waitUntilIdle: async () => void (await Promise.all(running.values())),
  };
}

type TicketTasks = ReturnType<typeof createTicketTasks>;

/** Looks at tmux and at the sessions' files, and finishes sessions that have ended. */
function createLook(context: RunnerContext, tasks: TicketTasks) {
  const { tmux, records, clock, log } = context;
  let panes: Pane[] = [];
  let problem = "";
  const readAt = new Map<string, { details: Ms; stored: Ms }>();

  const findPane = (record: SessionRecord) =>
    panes.find(
      ({ ticket, run, sessionId }) => ticket === record.ticket && run === record.run && sessionId === record.session_id,
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
    if (phase === "launching" && !pane && existsSync(records.getPaths(ticket).launch)) return;
    if (!pane || pane.isDead) {
      tasks.run(ticket, () => finishSession(context, record, pane));
      return;
    }
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
    if (tasks.isBusy(ticket) || records.get(ticket) !== record) return;
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

  return { run, getPanes: () => panes, getReports };
}

/** A text that differs when something has happened that Groundcrew should know at once. */
function formatNews(reports: readonly SessionReport[]): string {
  return JSON.stringify(
    reports.map(
      ({ ticket, run, state, exit, completion, attention, interruption, applied, started_at, screen, ...rest }) => [
        ...[ticket, run, state, started_at, exit, completion, attention, interruption, applied, screen !== ""],
        ...[rest.tests, rest.publication],
      ],
    ),
  );
}

/** Whether an input need not wait for the start of its session. */
function canSend(context: RunnerContext, ticket: string, { kind }: Input): boolean {
  if (kind === "keys") return true;
  const { isReady } = getDriver(context, ticket);
  if (isReady) return isReady(context, ticket);
  return kind === "interrupt" || hasBegun(context, ticket);
}

/**
 * Sends what has not reached the session yet, in order. tmux keeps what it has received, so nothing is sent twice.
 * Texts wait until the CLI has begun: before, they would be typed into a dialog, which only keys are meant for.
 */
async function sendInputs(context: RunnerContext, desired: DesiredSession, pane: Pane): Promise<void> {
  const { tmux, records } = context;
  const { ticket } = desired;
  const record = records.get(ticket);
  if (record) getDriver(context, ticket).attend?.(context, record, desired);
  if (await tmux.isEnterMissing(ticket)) await tmux.pressEnter(ticket);
  const applied = mergeApplied(records.get(ticket), pane);
  let isFirst = true;
  for (const input of desired.inputs) {
    if (applied.includes(input.id) || !canSend(context, ticket, input)) continue;
    // Keys that arrive together are read as one text: an Enter would not submit, and Escape would change the next key.
    if (!isFirst) await wait(ENTER_DELAY_MS);
    isFirst = false;
    applied.push(input.id);
    const mark = tmux.markArguments(ticket, applied.slice(-MAX_REPORTED));
    const text = input.text.slice(0, MAX_INPUT_LENGTH);
    await getDriver(context, ticket).send(context, ticket, { ...input, text }, mark);
  }
}
