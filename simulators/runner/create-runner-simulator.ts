import { type Ms, wait as pause, SECOND } from "../../shared/time.ts";
import { VERSION } from "../../shared/version.ts";
import { createFrameSender } from "./frame-sender.ts";
import type { DesiredSession, ExchangeRequest, SessionReport } from "./messages.ts";
import { reconcile } from "./reconcile.ts";
import { createRunnerClient } from "./runner-client.ts";
import { createSessionHooks } from "./session-hooks.ts";
import type { FindSessionScript } from "./session-script.ts";
import { reportTicketSession, startTicketSession, type TicketRecord } from "./ticket-record.ts";

export interface RunnerSimulatorOptions {
  /** Groundcrew's address, without a slash at its end. */
  url: string;
  /** RUNNER_TOKEN. */
  token: string;
  /** Identifiers of the projects whose repositories this runner has. */
  repositories: readonly string[];
  findScript: FindSessionScript;
  /** The host's name. */
  name?: string;
  /** Prefix of the names of sessions. */
  prefix?: string;
  clock?: () => Ms;
  wait?: (ms: Ms, signal?: AbortSignal) => Promise<void>;
  fetch?: typeof fetch;
}

/** Time between looks at the sessions: 100 ms, because at most ten pictures a second are sent. */
const LOOK_MS: Ms = 100;
/** Time for which Groundcrew may hold its answer: 20 s, and 2 s while a session that it wants is not there. */
const IDLE_WAIT_MS: Ms = 20 * SECOND;
const PENDING_WAIT_MS: Ms = 2 * SECOND;
/** Time between two exchanges of which only screens, commits or costs differ: 2 s. Other news are sent at once. */
const DETAILS_PAUSE_MS: Ms = 2 * SECOND;
/** Shortest time between two exchanges. */
const EXCHANGE_PAUSE_MS: Ms = 200;

/**
 * Creates a simulated ticket runner: a client of Groundcrew's routes for runners whose sessions follow scripts, without
 * tmux, git and Claude Code. Like a real one it sends everything that it has and gets everything that it should have.
 */
export function createRunnerSimulator(options: RunnerSimulatorOptions) {
  const { url, token, repositories, findScript, name = "simulated-host", prefix = "claude-" } = options;
  const { clock = Date.now, wait = pause, fetch: send = fetch } = options;
  const instance = crypto.randomUUID();
  const ending = new AbortController();
  const client = createRunnerClient({ url, token, fetch: send, signal: ending.signal });
  const records = new Map<string, TicketRecord>();
  const frames = createFrameSender(client, clock);
  let seen = "";
  let wanted: string[] = [];
  let sent = { at: clock(), news: "", details: "" };
  let connection: { abort: AbortController; done: Promise<unknown> } | undefined;
  let looking: Promise<void> | undefined;
  let interruption = new AbortController();

  function start(desired: DesiredSession, previous: TicketRecord | undefined): TicketRecord {
    const { ticket, session_id: sessionId, project } = desired;
    const hooks = createSessionHooks({ ...{ url, ticket, sessionId }, ...desired, fetch: send, signal: ending.signal });
    const hasRepository = repositories.includes(project);
    return startTicketSession({ desired, previous, hasRepository, findScript, hooks, clock });
  }

  /** Plays what is due in all sessions. */
  function look() {
    for (const record of records.values()) {
      record.session.advance();
      if (record.session.state === "ended") record.endedAt ??= clock();
    }
    frames.send(records.values());
  }

  function getReports(): SessionReport[] {
    return [...records.values()]
      .filter(({ isAcknowledged }) => !isAcknowledged)
      .map((record) => reportTicketSession(record, prefix));
  }

  function buildRequest(maxWait: Ms): ExchangeRequest {
    const sessions = getReports();
    const live = sessions.flatMap(({ ticket, state }) => (state === "ended" ? [] : [ticket]));
    const isPending = wanted.some((ticket) => !live.includes(ticket));
    return {
      ...{ runner: name, instance, version: VERSION, repositories: [...repositories], seen, sessions },
      wait_ms: Math.min(maxWait, isPending ? PENDING_WAIT_MS : IDLE_WAIT_MS),
    };
  }

  /** Sends the observation once and does what the answer says. Resolves with the delay before the next exchange. */
  async function exchange(maxWait: Ms = 0, signal = ending.signal): Promise<Ms> {
    look();
    const request = buildRequest(maxWait);
    interruption = new AbortController();
    sent = { at: clock(), news: formatNews(request.sessions), details: JSON.stringify(request.sessions) };
    const result = await client.exchange(request, AbortSignal.any([signal, interruption.signal]));
    if (result === "interrupted") return EXCHANGE_PAUSE_MS;
    if ("retryIn" in result) return result.retryIn;
    const { answer } = result;
    for (const { ticket, run, state, started_at } of request.sessions) {
      const record = records.get(ticket);
      const isSame = record?.run === run && record.session.getReport().started_at === started_at;
      if (record && isSame && state === "ended") record.isReported = true;
    }
    seen = answer.revision;
    wanted = answer.sessions.map(({ ticket }) => ticket);
    reconcile({ answer, records, now: clock(), start });
    frames.watch(answer.sessions.flatMap(({ ticket, watched }) => (watched ? [ticket] : [])));
    look();
    return EXCHANGE_PAUSE_MS;
  }

  async function exchangeRepeatedly(signal: AbortSignal) {
    while (!signal.aborted) await wait(await exchange(IDLE_WAIT_MS, signal), signal);
  }

  async function lookRepeatedly(signal: AbortSignal) {
    while (!signal.aborted) {
      look();
      const reports = getReports();
      const areDetailsDue = clock() - sent.at >= DETAILS_PAUSE_MS && JSON.stringify(reports) !== sent.details;
      if (areDetailsDue || formatNews(reports) !== sent.news) interruption.abort();
      await wait(LOOK_MS, signal);
    }
  }

  /** Ends the connection, as when the runner's process ends; sessions live on, as those in tmux do. */
  async function disconnect() {
    connection?.abort.abort();
    await connection?.done;
    connection = undefined;
  }

  return {
    /** Exchanges once, without waiting for news: for tests with a simulated clock. */
    exchange,
    /** What the next exchange reports. */
    getReports,
    /** Connects to Groundcrew and plays the sessions until `disconnect` or `stop`. */
    connect() {
      if (connection) return;
      const abort = new AbortController();
      looking ??= lookRepeatedly(ending.signal);
      connection = { abort, done: exchangeRepeatedly(abort.signal) };
    },
    disconnect,
    /** Ends all sessions without a trace, as a restart of the machine does. */
    restartHost() {
      for (const { session } of records.values()) if (session.state !== "ended") session.vanish();
    },
    async stop() {
      ending.abort();
      await Promise.all([disconnect(), looking]);
    },
  };
}

/** A text that differs when something has happened that Groundcrew should know at once. */
function formatNews(reports: readonly SessionReport[]): string {
  return JSON.stringify(
    reports.map(({ ticket, run, state, exit, completion, attention, applied, started_at }) => [
      ...[ticket, run, state, started_at, exit, completion, attention, applied],
    ]),
  );
}
