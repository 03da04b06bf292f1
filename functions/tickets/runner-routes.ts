/**
 * What runners and sessions send: the exchange of desired and observed sessions, pictures of terminals, and the hooks
 * of a session.
 */

import { type Context, Hono } from "hono";
import type { z } from "zod";
import type { Deps, Route } from "../../shared/app/deps.ts";
import {
  cleanScreen,
  FRAME_LIMIT_BYTES,
  type frameAnswerSchema,
  MAX_HISTORY_LINES,
  terminalFrameSchema,
} from "../../shared/app/terminals.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import { createJsonReader, createSourceSlots } from "../../shared/http/limits.ts";
import { readBearerToken } from "../../shared/http/request.ts";
import { DIFFERENCE_LIMIT_BYTES, differenceSchema, storeDifference } from "../../shared/tickets/differences.ts";
import {
  EXCHANGE_LIMIT_BYTES,
  type ExchangeAnswer,
  type ExchangeRequest,
  exchangeAnswerSchema,
  exchangeRequestSchema,
} from "../../shared/tickets/exchange.ts";
import { maskSecrets } from "../../shared/tickets/mask-secrets.ts";
import { recordPolicies } from "../../shared/tickets/policies.ts";
import {
  observeSessions,
  placeTickets,
  readDesiredRevision,
  readDesiredState,
} from "../../shared/tickets/runner-sessions.ts";
import { recordRunner, releaseRunner, requireOwnName } from "../../shared/tickets/runners.ts";
import {
  applySessionHook,
  type SessionHook,
  sessionHookSchema,
  TOO_MANY_REQUESTS,
  takeAnswers,
  toPermissionDecision,
} from "../../shared/tickets/session-hook.ts";
import { MAX_OPEN_REQUESTS } from "../../shared/tickets/session-machine.ts";
import {
  changeTicket,
  createTicketMessageJobs,
  findTicketOfToken,
  getTicket,
} from "../../shared/tickets/stored-tickets.ts";
import type { Ticket } from "../../shared/tickets/ticket.ts";
import { HOUR, MINUTE, type Ms, SECOND } from "../../shared/time.ts";
import { readTicketKey } from "./ticket-routes.ts";

/** Interval between reads of the revision while an answer is held: 250 ms, for a start within 2 s of an approval. */
const CHECK_INTERVAL: Ms = 250;

/** Interval between looks for tickets whose next start is due: 2 s. */
const PLACE_INTERVAL: Ms = 2 * SECOND;

/**
 * The exchange with a ticket runner: it sends everything it has, and gets everything it should have. The answer is held
 * until that changes.
 */
export const exchangeRoute: Route = { path: "/api/runner/exchange", access: "runner", app: createExchangeApp };

/** Receives the pictures of the terminals that somebody watches, up to ten a second for each. */
export const framesRoute: Route = { path: "/api/runner/frames", access: "runner", app: createFramesApp };

/** Receives what the branches of tickets change. */
export const differencesRoute: Route = { path: "/api/runner/differences", access: "runner", app: createDifferencesApp };

/** Limit of a hook's body in bytes: 2 MB, because a tool's input may contain a whole file. */
const HOOK_LIMIT_BYTES = 2 * 1024 * 1024;

/**
 * Time for which a request of a session waits for a person: 2 h, the longest that was tried with Claude Code (2.1.330).
 * Then its dialog in the terminal decides, and an answer is typed there.
 */
const PERMISSION_WAIT_MS: Ms = 2 * HOUR;

/** Intervals between looks for an answer: 500 ms in the first 10 minutes, when most are given, then 10 s. */
const ANSWER_INTERVAL: Ms = 500;

const LATE_ANSWER_INTERVAL: Ms = 10 * SECOND;

const LATE_AFTER_MS: Ms = 10 * MINUTE;

/** Hooks of the sessions of tickets, which show GROUNDCREW_TOKEN of their run. */
export const sessionHooksRoute: Route = { path: "/api/runner/sessions", access: "public", app: createSessionHooksApp };

function createExchangeApp(deps: Deps): Hono {
  const readJson = createJsonReader(EXCHANGE_LIMIT_BYTES);

  async function exchange(request: ExchangeRequest, correlation: string, client: AbortSignal): Promise<ExchangeAnswer> {
    await requireOwnName(deps, request);
    if (!request.stopping) await recordRunner(deps, request);
    await recordPolicies(deps, request);
    await observeSessions(deps, request, correlation);
    if (request.stopping) {
      await releaseRunner(deps, request, correlation);
      return exchangeAnswerSchema.parse(await readDesiredState(deps, request));
    }
    // A runner that does not say what it knows gets the changes from now on.
    const watched = request.watched?.toSorted().join() ?? listWatched(request);
    for (let waited = 0; ; waited += CHECK_INTERVAL) {
      if (waited % PLACE_INTERVAL === 0) await placeTickets(deps, request, correlation);
      const isOver = waited >= request.wait_ms || deps.stopping.aborted;
      // Nobody would receive the answer, and what is placed would wait for the runner's next request.
      if (client.aborted) break;
      if (isOver || listWatched(request) !== watched || (await readDesiredRevision(deps)) !== request.seen) break;
      await deps.wait(CHECK_INTERVAL, deps.stopping);
    }
    if (!client.aborted) await placeTickets(deps, request, correlation);
    return exchangeAnswerSchema.parse(await readDesiredState(deps, request));
  }

  function listWatched({ sessions }: ExchangeRequest): string {
    const live = sessions.filter(({ state, ticket }) => state !== "ended" && deps.terminals.isWatched(ticket));
    const tickets = live.map(({ ticket }) => ticket);
    return tickets.sort().join();
  }

  return new Hono().post("/", async (c) => {
    if (!deps.settings.tickets)
      throw new GroundcrewError("conflict", "There are no tickets: set `tickets` in the settings file.");
    const request = await readJson(c, exchangeRequestSchema, { source: "runner", subject: "exchange" });
    return c.json(await exchange(request, c.get("correlation"), c.req.raw.signal));
  });
}

function createFramesApp(deps: Deps): Hono {
  const readJson = createJsonReader(FRAME_LIMIT_BYTES);
  return new Hono().post("/:ticket", async (c) => {
    c.set("isFrequent", true);
    const key = readTicketKey(c);
    const frame = await readJson(c, terminalFrameSchema);
    const { run, approval } = await getTicket(deps, key);
    if (frame.run !== run) throw new GroundcrewError("conflict", `The present run of ${key} is ${run}.`);
    const { above: rawAbove, is_above_whole: isWhole, ...picture } = frame;
    const above = rawAbove === undefined ? [] : cleanScreen(rawAbove, MAX_HISTORY_LINES).split("\n");
    // A secret may begin above the screen.
    const text = [...above, cleanScreen(frame.screen, frame.rows)].join("\n");
    const lines = maskSecrets(text, approval?.token).split("\n");
    const history = isWhole ? { history: lines.splice(0, above.length).join("\n") } : {};
    const screen = lines.slice(isWhole ? 0 : above.length).join("\n");
    const watched = deps.terminals.receive(key, { ...picture, screen, ...history });
    return c.json({ watched } satisfies z.infer<typeof frameAnswerSchema>);
  });
}

function createDifferencesApp(deps: Deps): Hono {
  const readJson = createJsonReader(DIFFERENCE_LIMIT_BYTES);
  return new Hono().post("/:ticket", async (c) => {
    const difference = await readJson(c, differenceSchema, { source: "runner", subject: "difference" });
    const ticket = await getTicket(deps, readTicketKey(c));
    const { key, run } = ticket;
    if (difference.run !== run) throw new GroundcrewError("conflict", `The present run of ${key} is ${run}.`);
    // The message with the result shows its beginning.
    const cause = `difference.${difference.round}.${difference.commit}`;
    const messages = createTicketMessageJobs(deps.settings, ticket, cause, c.get("correlation"));
    await storeDifference(deps, key, difference, ticket.completion ? messages : []);
    return c.body(null, 204);
  });
}

function createSessionHooksApp(deps: Deps): Hono {
  const readJson = createJsonReader(HOOK_LIMIT_BYTES);

  // Requests that arrive at once would all be compared with the same record, so few of them are stored at a time.
  const asking = createSourceSlots({ perSource: MAX_OPEN_REQUESTS });

  /** Finds the ticket whose present run has the token of the request. */
  async function authenticate(c: Context): Promise<Ticket> {
    const key = c.req.param("ticket") ?? "";
    const token = readBearerToken(c);
    const ticket = await findTicketOfToken(deps, token ?? "", key);
    if (ticket) return ticket;
    c.header("WWW-Authenticate", 'Bearer realm="groundcrew"');
    const refusal = new GroundcrewError("unauthorized", "Send GROUNDCREW_TOKEN of the ticket's present run.");
    throw token === undefined ? refusal : deps.unknownTokens.countRefusal(c, refusal);
  }

  /** Waits until a person has answered; undefined when the dialog in the terminal has to decide. */
  async function waitForAnswer(c: Context, key: string, hook: SessionHook, question: string) {
    const correlation = c.get("correlation");
    for (let waited = 0; waited < PERMISSION_WAIT_MS; ) {
      const taken = await takeAnswers(deps, key, question, hook, correlation);
      if (taken === "closed") return undefined;
      if (taken !== "open") return taken;
      if (deps.stopping.aborted || c.req.raw.signal.aborted) break;
      const interval = waited < LATE_AFTER_MS ? ANSWER_INTERVAL : LATE_ANSWER_INTERVAL;
      await deps.wait(interval, deps.stopping);
      waited += interval;
    }
    await changeTicket(deps, key, { kind: "released", question }, correlation);
    return undefined;
  }

  return new Hono().post("/:ticket/hooks", async (c) => {
    const ticket = await authenticate(c);
    const example = "Send a hook's JSON with hook_event_name.";
    const hook = await readJson(c, sessionHookSchema, { source: ticket.key, example });
    const isRequest = hook.hook_event_name === "PermissionRequest";
    const freeSlot = isRequest ? asking.take(ticket.key) : undefined;
    if (isRequest && !freeSlot) return c.json(TOO_MANY_REQUESTS);
    const answer = await applySessionHook(deps, ticket, hook, c.get("correlation")).finally(freeSlot);
    if (answer === undefined) return c.body(null, 204);
    if ("json" in answer) return c.json(answer.json);
    const decision = await waitForAnswer(c, ticket.key, hook, answer.wait);
    return decision ? c.json(toPermissionDecision(hook, decision)) : c.body(null, 204);
  });
}
