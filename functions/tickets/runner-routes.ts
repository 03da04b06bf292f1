/**
 * What runners and sessions send: the exchange of desired and observed sessions, pictures of terminals, what branches
 * change, and the hooks of a session.
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
import { createJsonReader } from "../../shared/http/limits.ts";
import { readBearerToken } from "../../shared/http/request.ts";
import { createRefreshJobs } from "../../shared/requests/requests.ts";
import { maskSecrets } from "../../shared/tickets/clean-report.ts";
import {
  DIFFERENCE_LIMIT_BYTES,
  differenceSchema,
  EXCHANGE_LIMIT_BYTES,
  type ExchangeAnswer,
  type ExchangeRequest,
  exchangeRequestSchema,
} from "../../shared/tickets/exchange.ts";
import { recordPolicies } from "../../shared/tickets/policy.ts";
import { storeDifference } from "../../shared/tickets/rounds.ts";
import {
  observeSessions,
  placeTickets,
  readDesiredRevision,
  readDesiredState,
  recordRunner,
  releaseRunner,
  requireOwnName,
} from "../../shared/tickets/runners.ts";
import { answerSessionHook, sessionHookSchema } from "../../shared/tickets/session-hook.ts";
import { findTicketOfToken, getTicket } from "../../shared/tickets/stored-tickets.ts";
import type { Ticket } from "../../shared/tickets/ticket.ts";
import { type Ms, SECOND } from "../../shared/time.ts";
import { readTicketKey } from "./ticket-routes.ts";

/** Interval between reads of the revision while an answer is held: 250 ms, for a start within 2 s of an approval. */
const CHECK_INTERVAL: Ms = 250;

/** Interval between looks for tickets whose next start is due: 2 s. */
const PLACE_INTERVAL: Ms = 2 * SECOND;

/** Limit of a hook's body in bytes: 2 MB, because a tool's input may contain a whole file. */
const HOOK_LIMIT_BYTES = 2 * 1024 * 1024;

/**
 * The exchange: a runner sends everything it has, and gets everything it should have. Pictures of the terminals that
 * somebody watches, up to ten a second for each. What branches change. And the hooks of sessions, which show
 * GROUNDCREW_TOKEN of their run.
 */
export const runnerRoutes: readonly Route[] = [
  { path: "/api/runner/exchange", access: "runner", app: createExchangeApp },
  { path: "/api/runner/frames", access: "runner", app: createFramesApp },
  { path: "/api/runner/differences", access: "runner", app: createDifferencesApp },
  { path: "/api/runner/sessions", access: "public", app: createSessionHooksApp },
];

function createExchangeApp(deps: Deps): Hono {
  const readJson = createJsonReader(EXCHANGE_LIMIT_BYTES);

  /** Holds the answer until what the runner should have changes, and places tickets on it meanwhile. */
  async function holdAnswer(request: ExchangeRequest, correlation: string, client: AbortSignal): Promise<void> {
    // A runner that does not say what it knows gets the changes from now on.
    const watched = request.watched?.toSorted().join() ?? listWatched(request);
    for (let waited = 0; ; waited += CHECK_INTERVAL) {
      if (waited % PLACE_INTERVAL === 0) await placeTickets(deps, request, correlation);
      const isOver = waited >= request.wait_ms || deps.stopping.aborted;
      // Nobody would receive the answer, and what is placed would wait for the runner's next request.
      if (client.aborted) return;
      if (isOver || listWatched(request) !== watched || (await readDesiredRevision(deps)) !== request.seen) break;
      await deps.wait(CHECK_INTERVAL, deps.stopping);
    }
    if (!client.aborted) await placeTickets(deps, request, correlation);
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
    const correlation = c.get("correlation");
    await requireOwnName(deps, request);
    if (!request.stopping) await recordRunner(deps, request);
    await recordPolicies(deps, request);
    await observeSessions(deps, request, correlation);
    if (request.stopping) await releaseRunner(deps, request, correlation);
    else await holdAnswer(request, correlation, c.req.raw.signal);
    return c.json((await readDesiredState(deps, request)) satisfies ExchangeAnswer);
  });
}

function createFramesApp(deps: Deps): Hono {
  const readJson = createJsonReader(FRAME_LIMIT_BYTES);
  return new Hono().post("/:ticket", async (c) => {
    c.set("isFrequent", true);
    const frame = await readJson(c, terminalFrameSchema);
    const { key, approval } = await getTicketOfRun(deps, c, frame);
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
    const ticket = await getTicketOfRun(deps, c, difference);
    // The message with the result shows its beginning.
    const cause = `${ticket.key}.difference.${difference.round}.${difference.commit}`;
    const messages = createRefreshJobs(deps.settings, ticket.item.id, cause, c.get("correlation"));
    await storeDifference(deps, ticket.key, difference, ticket.completion ? messages : []);
    return c.body(null, 204);
  });
}

/** Reads the ticket of the path. Throws `conflict` for what a runner sends of another run than the present one. */
async function getTicketOfRun(deps: Deps, c: Context, { run }: { run: number }): Promise<Ticket> {
  const ticket = await getTicket(deps, readTicketKey(c));
  if (ticket.run === run) return ticket;
  throw new GroundcrewError("conflict", `The present run of ${ticket.key} is ${ticket.run}.`);
}

function createSessionHooksApp(deps: Deps): Hono {
  const readJson = createJsonReader(HOOK_LIMIT_BYTES);

  /** Finds the ticket whose present run has the token of the request. */
  async function authenticate(c: Context): Promise<Ticket> {
    const token = readBearerToken(c);
    const ticket = await findTicketOfToken(deps, token ?? "", c.req.param("ticket") ?? "");
    if (ticket) return ticket;
    c.header("WWW-Authenticate", 'Bearer realm="groundcrew"');
    const refusal = new GroundcrewError("unauthorized", "Send GROUNDCREW_TOKEN of the ticket's present run.");
    throw token === undefined ? refusal : deps.unknownTokens.countRefusal(c, refusal);
  }

  return new Hono().post("/:ticket/hooks", async (c) => {
    const ticket = await authenticate(c);
    const example = "Send a hook's JSON with hook_event_name.";
    const hook = await readJson(c, sessionHookSchema, { source: ticket.key, example });
    const answer = await answerSessionHook({ deps, ticket, hook, correlation: c.get("correlation") }, c.req.raw.signal);
    return answer ? c.json(answer) : c.body(null, 204);
  });
}
