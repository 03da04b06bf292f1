/**
 * The runner's loop: look at what runs, tell Groundcrew, receive what is to run, and act on the difference, one task
 * per ticket. plan-actions.ts decides, and nothing is remembered that a look could not find again.
 */

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
import { getDriver, type Input, sendInput } from "./driver.ts";
import { createTerminalWatch, type ExchangeClient, sendDifferences } from "./exchange-client.ts";
import { createLook, hasBegun, mergeApplied } from "./observe-session.ts";
import { type DesiredSession, findUnknown, planActions, type RunnerAction } from "./plan-actions.ts";
import { createPublicationPoll, publishBranch } from "./publish.ts";
import type { RunnerContext } from "./runner-context.ts";
import { runTests } from "./session-commands.ts";
import {
  adoptSession,
  cleanWorktrees,
  endOrphan,
  finishSession,
  removeIfUnneeded,
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

/** Time between two looks at the base branches for policies: 10 s. */
const POLICIES_MS: Ms = 10 * SECOND;

/** Time between two checks of the machine: 10 min, and 1 min while something is missing, which a person may be repairing. */
const CHECKS_MS: Ms = 10 * MINUTE;

const REPAIR_CHECKS_MS: Ms = MINUTE;

/** Time between two looks at all worktrees: 10 min. Their sizes are read from the disk. */
const CLEANING_MS: Ms = 10 * MINUTE;

/** Timeout for the last exchange, which says that the runner stops: 2 s; service managers wait for longer. */
const STOP_TIMEOUT_MS: Ms = 2 * SECOND;

/**
 * Brings what tmux has to what Groundcrew wants, until the signal: looks at tmux, sends the whole observation, gets the
 * whole desired state, acts. Sessions live in tmux and outlive the runner.
 */
export async function runRunner(
  context: RunnerContext,
  client: ExchangeClient,
  { instance, folderId, signal }: { instance: string; folderId: string; signal: AbortSignal },
): Promise<void> {
  const { settings, records, clock, log, policies } = context;
  const tasks = createTicketTasks(log);
  const look = createLook(context, tasks.isBusy, (record, pane) => {
    void tasks.run(record.ticket, () => finishSession(context, record, pane));
  });
  const terminals = createTerminalWatch(context, client, look.getPanes, signal);
  const poll = createPublicationPoll(context);
  let seen = "";
  let wanted: string[] = [];
  let unknown: string[] = [];
  /** An action of the newest answer has to wait for a task of its ticket, or for the start of its session. */
  let isDelayed = false;
  let sent = { at: clock(), news: "", details: "" };
  let interruption = new AbortController();
  let worktrees: WorktreeReport[] = [];
  let checks: HostCheck[] = [];
  let reportedPolicies = JSON.stringify(policies.listReports());

  const background = Promise.all([
    repeat(lookForNews),
    repeat(terminals.sendChanges),
    repeat(clean),
    repeat(async () => ((await lookAtHost()) ? CHECKS_MS : REPAIR_CHECKS_MS)),
    repeat(pollPublications),
    wait(POLICIES_MS, signal).then(() => repeat(readPolicies)),
    repeat(() => sendDifferences(context, client, signal)),
  ]);
  // On a busy machine news come faster than answers, so the exchange after an interrupted one comes to its end.
  let wasInterrupted = false;
  while (!signal.aborted) {
    const request = { ...buildRequest(), ...(wasInterrupted ? { wait_ms: 0 } : {}) };
    interruption = new AbortController();
    sent = { at: clock(), news: formatNews(request.sessions), details: JSON.stringify(request.sessions) };
    const interruptions = wasInterrupted ? signal : AbortSignal.any([signal, interruption.signal]);
    const { answer, retryIn = EXCHANGE_PAUSE_MS } = await client.exchange(request, interruptions);
    wasInterrupted = !answer && interruption.signal.aborted;
    if (answer) {
      markReported(request);
      seen = answer.revision;
      wanted = answer.sessions.map(({ ticket }) => ticket);
      await act(answer);
    }
    await wait(retryIn, signal);
  }
  await background;
  await tasks.waitUntilIdle();
  // Tickets that it has not begun are placed on another runner at once.
  await client.exchange({ ...buildRequest(), wait_ms: 0, stopping: true }, AbortSignal.timeout(STOP_TIMEOUT_MS));

  /** Repeats a task until the signal, after the pause that it returns. */
  async function repeat(task: () => Promise<Ms>) {
    while (!signal.aborted) await wait(await task(), signal);
  }

  async function lookForNews(): Promise<Ms> {
    await look.run();
    const reports = look.getReports();
    const areDetailsDue = clock() - sent.at >= DETAILS_PAUSE_MS && JSON.stringify(reports) !== sent.details;
    // News end the wait for an answer; they are sent at once.
    if (areDetailsDue || formatNews(reports) !== sent.news) interruption.abort();
    return LOOK_MS;
  }

  async function clean(): Promise<Ms> {
    worktrees = await cleanWorktrees(context, tasks.run).catch((thrown: unknown) => {
      log.warn("worktrees cannot be listed", { reason: getErrorMessage(thrown) });
      return [];
    });
    return CLEANING_MS;
  }

  /** Looks at pull requests; a worktree whose pull request is merged is removed once Groundcrew knows. */
  async function pollPublications(): Promise<Ms> {
    for (const record of poll.listDue()) void tasks.run(toPublishing(record.ticket), () => poll.look(record));
    for (const { ticket, publication, removable, is_acknowledged } of records.list())
      if (publication?.state === "merged" && removable && is_acknowledged)
        void tasks.run(ticket, () => removeIfUnneeded(context, ticket));
    return LOOK_MS;
  }

  /** Looks at the base branches. Groundcrew learns at once what has changed there, or when a session started. */
  async function readPolicies(): Promise<Ms> {
    await policies.readAll();
    const present = JSON.stringify(policies.listReports());
    if (present === reportedPolicies) return POLICIES_MS;
    reportedPolicies = present;
    await lookAtHost();
    interruption.abort();
    return POLICIES_MS;
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

  async function act(answer: ExchangeAnswer) {
    terminals.update(answer);
    if (!(await look.run())) return;
    const input = { answer, records: records.list(), panes: look.getPanes(), now: clock() };
    const before = unknown;
    unknown = findUnknown(input);
    for (const ticket of unknown)
      if (!before.includes(ticket)) log.warn("Groundcrew does not know this session, which goes on", { ticket });
    isDelayed = answer.publish.some(({ ticket }) => records.get(ticket)?.phase !== "ended");
    for (const action of planActions(input)) {
      const { ticket, kind } = action;
      const record = records.get(ticket);
      if (kind === "acknowledge") {
        if (record && !tasks.isBusy(ticket)) records.saveOrKeep({ ...record, is_acknowledged: true });
        continue;
      }
      const inputs = kind === "send" ? action.desired.inputs : [];
      // Tests and publications take long, and what happens to the session meanwhile does not wait for them.
      const isBeside = kind === "test" || kind === "publish";
      const isWaiting = tasks.isBusy(ticket) || inputs.some((one) => !canSend(context, ticket, one));
      isDelayed ||= isWaiting && !isBeside;
      const task = kind === "publish" ? toPublishing(ticket) : kind === "test" ? `tests of ${ticket}` : ticket;
      void tasks.run(task, () => perform(context, action, input.panes));
    }
  }
}

/** Name of a ticket's task that publishes or looks at what is published. */
const toPublishing = (ticket: string) => `publication of ${ticket}`;

type Task = Exclude<RunnerAction, { kind: "acknowledge" }>;

async function perform(context: RunnerContext, action: Task, panes: readonly Pane[]): Promise<void> {
  const { ticket, kind } = action;
  const record = context.records.get(ticket);
  switch (kind) {
    case "start":
      return startSession(context, action.desired);
    case "adopt":
      return adoptSession(context, action.desired);
    case "send":
      return sendInputs(context, action.desired, panes);
    case "stop":
      return record && stopSession(context, record, action);
    case "end_orphan": {
      const pane = await context.tmux.findPane(ticket);
      return pane && endOrphan(context, pane);
    }
    case "remove":
      return record && removeSession(context, record, action.force);
    case "test":
      return runTests(context, ticket, action.id);
    case "publish":
      return publishBranch(context, action.wish);
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
async function sendInputs(context: RunnerContext, desired: DesiredSession, panes: readonly Pane[]): Promise<void> {
  const { tmux, records } = context;
  const { ticket, inputs } = desired;
  const record = records.get(ticket);
  const driver = getDriver(context, ticket);
  if (record) driver.attend?.(context, record, desired);
  const known = panes.find((pane) => pane.ticket === ticket);
  const sent = mergeApplied(record, known);
  if (!known?.isEnterMissing && inputs.every(({ id }) => sent.includes(id))) return;
  // An earlier task may have typed since the last look, so what has reached the session is read again.
  const pane = await tmux.findPane(ticket);
  if (!pane || pane.isDead) return;
  if (pane.isEnterMissing) await tmux.pressEnter(ticket);
  const applied = mergeApplied(record, pane);
  let isFirst = true;
  for (const input of inputs) {
    if (applied.includes(input.id) || !canSend(context, ticket, input)) continue;
    // Keys that arrive together are read as one text: an Enter would not submit, and Escape would change the next key.
    if (!isFirst) await wait(ENTER_DELAY_MS);
    isFirst = false;
    applied.push(input.id);
    const mark = tmux.markArguments(ticket, applied.slice(-MAX_REPORTED));
    const text = input.text.slice(0, MAX_INPUT_LENGTH);
    await sendInput(driver, context, ticket, { ...input, text, mark });
  }
}
