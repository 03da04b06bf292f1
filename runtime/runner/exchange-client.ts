/**
 * The runner's connection to Groundcrew: the exchange of states, what branches change, and pictures of the terminals
 * that somebody watches.
 */

import { z } from "zod";
import { frameAnswerSchema, type TerminalFrame } from "../../shared/app/terminals.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import type { Log } from "../../shared/log.ts";
import { cleanText } from "../../shared/text.ts";
import {
  type Difference,
  EXCHANGE_LIMIT_BYTES,
  type ExchangeAnswer,
  type ExchangeRequest,
  exchangeAnswerSchema,
  MAX_DIFFERENCE_LENGTH,
} from "../../shared/tickets/exchange.ts";
import { GROUNDCREW_LINES } from "../../shared/tickets/policy.ts";
import { MINUTE, type Ms, SECOND } from "../../shared/time.ts";
import type { RunnerContext, RunnerSettings } from "./runner-context.ts";
import type { Pane, TerminalPicture } from "./tmux.ts";

/** What became of an exchange: the answer, or for how long to wait; neither when the runner had news meanwhile. */
interface ExchangeResult {
  answer?: ExchangeAnswer;
  retryIn?: Ms;
}

/** A terminal that somebody watches, and what was sent of it last. */
interface WatchedTerminal {
  ticket: string;
  run: number;
  picture: string;
  /** All lines above a picture, and when they were sent. */
  above: string;
  aboveAt: Ms;
  /** Until then no picture is sent: another one is on its way, or was not taken. */
  busyUntil: Ms;
  failures: number;
}

/** Timeout for an answer besides the time that it is held: 15 s. */
const ANSWER_TIMEOUT_MS: Ms = 15 * SECOND;

/** Delay after a first failure: 1 s, doubled each time. */
const FIRST_RETRY_MS: Ms = SECOND;

/** Limit of the delay after a failed exchange: 30 s, so a restart is noticed within half a minute. */
const MAX_RETRY_MS: Ms = 30 * SECOND;

/** Delay after a refused token: 1 min. A person must change it. */
const REFUSED_RETRY_MS: Ms = MINUTE;

/** Time between two looks for new commits: 1 s; the details of sessions are read every 2 s. */
const DIFFERENCES_MS: Ms = SECOND;

/** Delay after a difference that Groundcrew did not take: 10 s. */
const DIFFERENCE_RETRY_MS: Ms = 10 * SECOND;

/** Limits of details where a request would be too large. */
const SHORT_SCREEN_LENGTH = 1_000;

const FEW_COMMITS = 5;

const refusalSchema = z.object({ error: z.object({ message: z.string() }) });

const MAX_REASON_LENGTH = 500;

/** Timeout for the answer to a frame: 10 s. */
const FRAME_ANSWER_TIMEOUT_MS: Ms = 10 * SECOND;

/** Time between two pictures of a terminal: 100 ms. */
const PICTURE_MS: Ms = 100;

/** Shortest time between two times that all lines above a picture are sent: 2 s; people ask for them rarely. */
const HISTORY_MS: Ms = 2 * SECOND;

/** Number of lines above a picture that go with each: 4, in which a secret on the screen may begin. */
const LINES_ABOVE = 4;

/** Limit of the delay after a frame that was not taken: 5 s, because somebody waits for it. */
const MAX_PICTURE_RETRY_MS: Ms = 5 * SECOND;

/** Creates a client of Groundcrew's routes for runners. */
export function createExchangeClient({ groundcrewUrl, token }: RunnerSettings, log: Log) {
  let failures = 0;

  function post(path: string, body: object | string, signal: AbortSignal, bearer = token): Promise<Response> {
    return fetch(`${groundcrewUrl}/api/runner/${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
      body: typeof body === "string" ? body : JSON.stringify(body),
      // A redirect would receive the token.
      redirect: "manual",
      signal,
    });
  }

  const limit = (signal: AbortSignal, timeout: Ms) => AbortSignal.any([signal, AbortSignal.timeout(timeout)]);

  async function tryExchange(request: ExchangeRequest, interruption: AbortSignal): Promise<ExchangeResult> {
    const signal = limit(interruption, request.wait_ms + ANSWER_TIMEOUT_MS);
    const response = await post("exchange", formatRequest(request), signal);
    if (!response.ok) {
      const isRefused = response.status === 401 || response.status === 403;
      const reason = isRefused ? "RUNNER_TOKEN is refused" : await describeAnswer(response);
      return fail(reason, isRefused ? REFUSED_RETRY_MS : getRetryAfter(response));
    }
    const answer = exchangeAnswerSchema.parse(await response.json());
    if (failures > 0) log.info("Groundcrew answers again", { failures });
    failures = 0;
    return { answer };
  }

  function fail(reason: string, minDelay: Ms = 0): ExchangeResult {
    failures += 1;
    if (failures === 1 || failures % 20 === 0) log.warn("exchange failed", { reason, failures });
    return { retryIn: Math.max(getRetryDelay(failures, MAX_RETRY_MS), minDelay) };
  }

  return {
    /** Sends the observation and resolves with the desired state. Never rejects. */
    async exchange(request: ExchangeRequest, interruption: AbortSignal): Promise<ExchangeResult> {
      try {
        return await tryExchange(request, interruption);
      } catch (thrown) {
        if (interruption.aborted) return {};
        return fail(getErrorMessage(thrown instanceof Error && thrown.cause ? thrown.cause : thrown));
      }
    },
    /** Reports an event of a session in the form of its CLI's hooks, with the token of its run. */
    postHook: (ticket: string, sessionToken: string, hook: object, signal: AbortSignal): Promise<Response> =>
      post(`sessions/${encodeURIComponent(ticket)}/hooks`, hook, signal, sessionToken),
    /** Sends a picture of a terminal; resolves with whether somebody still watches it. Throws when it is not taken. */
    async sendFrame(ticket: string, frame: TerminalFrame, signal: AbortSignal): Promise<boolean> {
      const path = `frames/${encodeURIComponent(ticket)}`;
      const response = await post(path, frame, limit(signal, FRAME_ANSWER_TIMEOUT_MS));
      if (response.ok) return frameAnswerSchema.parse(await response.json()).watched;
      await response.body?.cancel();
      throw new Error(`Groundcrew answered ${response.status}`);
    },
    /** Sends what a branch changes. Throws when it is not taken; an answer that will stay the same is no failure. */
    async sendDifference(ticket: string, difference: Difference, signal: AbortSignal): Promise<void> {
      const path = `differences/${encodeURIComponent(ticket)}`;
      const response = await post(path, difference, limit(signal, ANSWER_TIMEOUT_MS));
      await response.body?.cancel();
      if (!response.ok && ![404, 409].includes(response.status))
        throw new Error(`Groundcrew answered ${response.status}`);
    },
  };
}

export type ExchangeClient = ReturnType<typeof createExchangeClient>;

/** Formats a request; where it would be too large, screens and lists of commits are shortened. */
function formatRequest(request: ExchangeRequest): string {
  const text = JSON.stringify(request);
  if (Buffer.byteLength(text) <= EXCHANGE_LIMIT_BYTES) return text;
  const sessions = request.sessions.map(({ conflicts: _conflicts, ...session }) => ({
    ...session,
    screen: session.screen.slice(-SHORT_SCREEN_LENGTH).toWellFormed(),
    commits: session.commits.slice(0, FEW_COMMITS),
  }));
  const policies = request.policies?.map((policy) => {
    return { ...policy, lines: policy.lines.filter(({ name }) => GROUNDCREW_LINES.includes(name)), left_out: [] };
  });
  return JSON.stringify({ ...request, sessions, policies });
}

/** The reason of a refusal, such as a name that another runner has; of other answers only the status. */
async function describeAnswer(response: Response): Promise<string> {
  const status = `Groundcrew answered ${response.status}`;
  if (response.status !== 409) {
    await response.body?.cancel();
    return status;
  }
  const refusal = refusalSchema.safeParse(await response.json().catch(() => undefined));
  return refusal.success ? `${status}: ${cleanText(refusal.data.error.message, MAX_REASON_LENGTH)}` : status;
}

function getRetryAfter(response: Response): Ms {
  const seconds = Number(response.headers.get("retry-after") ?? 0);
  return Number.isFinite(seconds) ? Math.min(MINUTE, Math.max(0, seconds * SECOND)) : 0;
}

function getRetryDelay(failures: number, limit: Ms): Ms {
  return Math.min(limit, FIRST_RETRY_MS * 2 ** Math.min(10, failures - 1));
}

/**
 * Sends what the branches of tickets change, each time a commit was added; returns how long to wait before the next
 * look. What was sent is in the record of a session, so that a restarted runner does not repeat it.
 */
export async function sendDifferences(
  context: RunnerContext,
  client: ExchangeClient,
  signal: AbortSignal,
): Promise<Ms> {
  const { records, worktrees, log } = context;
  try {
    for (const record of records.list()) {
      const { ticket, run, round, details, sent_difference } = record;
      const [head] = details.commits;
      if (!head || sent_difference === `${run}.${head.id}` || signal.aborted) continue;
      const difference = limitDifference(await worktrees.readBranchDifference(record));
      await client.sendDifference(ticket, { run, round, commit: head.id, ...difference }, signal);
      const latest = records.get(ticket);
      if (latest?.run === run) records.save({ ...latest, sent_difference: `${run}.${head.id}` });
    }
    return DIFFERENCES_MS;
  } catch (thrown) {
    if (!signal.aborted) log.warn("a difference was not taken", { reason: getErrorMessage(thrown) });
    return DIFFERENCE_RETRY_MS;
  }
}

/** Leaves out the files that do not fit, whole. */
function limitDifference(text: string): { text: string; left_out: number } {
  if (text.length <= MAX_DIFFERENCE_LENGTH) return { text, left_out: 0 };
  const files = text.split(/^(?=diff --git )/m);
  let length = 0;
  const fitting = files.filter((file) => {
    length += file.length;
    return length <= MAX_DIFFERENCE_LENGTH;
  });
  return { text: fitting.join(""), left_out: files.length - fitting.length };
}

/**
 * Sends pictures of the terminals that somebody watches, each when it differs from the one before. Of a terminal one is
 * on its way at a time, so that a slow connection gets the newest.
 */
export function createTerminalWatch(
  { tmux, log }: Pick<RunnerContext, "tmux" | "log">,
  client: Pick<ExchangeClient, "sendFrame">,
  getPanes: () => readonly Pane[],
  signal: AbortSignal,
) {
  const watched = new Map<string, WatchedTerminal>();
  let problem = "";

  async function captureChanges(): Promise<void> {
    const panes = getPanes();
    const now = performance.now();
    const due = [...watched.values()].filter(
      ({ ticket, run, busyUntil }) =>
        busyUntil <= now && panes.some((pane) => pane.ticket === ticket && pane.run === run),
    );
    const pictures = await tmux.captureTerminals(due.map(({ ticket }) => ticket));
    for (const terminal of due) {
      const picture = pictures.get(terminal.ticket);
      if (picture) void sendIfChanged(terminal, picture);
    }
  }

  async function sendIfChanged(terminal: WatchedTerminal, { above, ...picture }: TerminalPicture): Promise<void> {
    const { ticket, run } = terminal;
    const text = JSON.stringify(picture);
    const now = performance.now();
    const isWhole = above !== terminal.above && now - terminal.aboveAt >= HISTORY_MS;
    if (text === terminal.picture && !isWhole) return;
    const last = above.split("\n").slice(-LINES_ABOVE).join("\n");
    const lines = isWhole ? { above, is_above_whole: true as const } : last === "" ? {} : { above: last };
    terminal.busyUntil = Number.POSITIVE_INFINITY;
    try {
      const isWatched = await client.sendFrame(ticket, { run, ...picture, ...lines }, signal);
      Object.assign(terminal, {
        picture: text,
        busyUntil: 0,
        failures: 0,
        ...(isWhole ? { above, aboveAt: now } : {}),
      });
      if (!isWatched && watched.get(ticket) === terminal) watched.delete(ticket);
    } catch (thrown) {
      terminal.failures += 1;
      terminal.busyUntil = performance.now() + getRetryDelay(terminal.failures, MAX_PICTURE_RETRY_MS);
      if (terminal.failures === 1 && !signal.aborted)
        log.warn("frame was not taken", { ticket, reason: getErrorMessage(thrown) });
    }
  }

  return {
    /** Begins and ends pictures as the newest answer says. A session that is being stopped stays as it is. */
    update({ sessions, stop }: Pick<ExchangeAnswer, "sessions" | "stop">) {
      const stopping = new Set(stop.map(({ ticket }) => ticket));
      const wanted = new Map(sessions.flatMap(({ ticket, run, watched }) => (watched ? [[ticket, run]] : [])));
      for (const [ticket, { run }] of watched)
        if (!stopping.has(ticket) && wanted.get(ticket) !== run) watched.delete(ticket);
      const nothing = { picture: "", above: "", aboveAt: -HISTORY_MS, busyUntil: 0, failures: 0 };
      for (const [ticket, run] of wanted) if (!watched.has(ticket)) watched.set(ticket, { ticket, run, ...nothing });
    },
    /** Whether somebody watches this ticket, as far as the runner knows. */
    isWatched: (ticket: string) => watched.has(ticket),
    /** Sends the pictures that have changed; returns how long to wait before the next look. */
    async sendChanges(): Promise<Ms> {
      const startedAt = performance.now();
      try {
        if (watched.size > 0) await captureChanges();
        problem = "";
      } catch (thrown) {
        if (problem === "") log.warn("terminals cannot be read", { reason: getErrorMessage(thrown) });
        problem = getErrorMessage(thrown);
      }
      const pause = problem === "" ? PICTURE_MS : SECOND;
      return Math.max(0, pause - (performance.now() - startedAt));
    },
  };
}
