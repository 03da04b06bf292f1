import { Hono } from "hono";
import type { Deps, Route } from "../../shared/app/deps.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import { createBodyReader } from "../../shared/http/body-reader.ts";
import { readDesiredRevision, readDesiredState } from "../../shared/tickets/desired-sessions.ts";
import {
  EXCHANGE_LIMIT_BYTES,
  type ExchangeAnswer,
  type ExchangeRequest,
  exchangeAnswerSchema,
  exchangeRequestSchema,
} from "../../shared/tickets/exchange.ts";
import { observeSessions } from "../../shared/tickets/observe-sessions.ts";
import { placeTickets } from "../../shared/tickets/place-tickets.ts";
import { requireOwnName } from "../../shared/tickets/runner-folder.ts";
import { recordRunner } from "../../shared/tickets/runner-record.ts";
import { type Ms, SECOND } from "../../shared/time.ts";

/**
 * The exchange with a ticket runner: it sends everything it has, and gets everything it should have. The answer is held
 * until that changes.
 */
export const exchangeRoute: Route = { path: "/api/runner/exchange", access: "runner", app };

/** Interval between reads of the revision while an answer is held: 250 ms, for a start within 2 s of an approval. */
const CHECK_INTERVAL: Ms = 250;
/** Interval between looks for tickets whose next start is due: 2 s. */
const PLACE_INTERVAL: Ms = 2 * SECOND;

function app(deps: Deps): Hono {
  const readBody = createBodyReader(EXCHANGE_LIMIT_BYTES);

  async function exchange(request: ExchangeRequest, correlation: string): Promise<ExchangeAnswer> {
    await requireOwnName(deps, request);
    await recordRunner(deps, request);
    await observeSessions(deps, request, correlation);
    // A runner that does not say what it knows gets the changes from now on.
    const watched = request.watched?.toSorted().join() ?? listWatched(request);
    for (let waited = 0; ; waited += CHECK_INTERVAL) {
      if (waited % PLACE_INTERVAL === 0) await placeTickets(deps, request, correlation);
      const isOver = waited >= request.wait_ms || deps.stopping.aborted;
      if (isOver || listWatched(request) !== watched || (await readDesiredRevision(deps)) !== request.seen) break;
      await deps.wait(CHECK_INTERVAL, deps.stopping);
    }
    await placeTickets(deps, request, correlation);
    return exchangeAnswerSchema.parse(await readDesiredState(deps, request));
  }

  function listWatched({ sessions }: ExchangeRequest): string {
    const live = sessions.filter(({ state, ticket }) => state !== "ended" && deps.terminals.isWatched(ticket));
    return live
      .map(({ ticket }) => ticket)
      .sort()
      .join();
  }

  return new Hono().post("/", async (c) => {
    if (!deps.settings.tickets)
      throw new GroundcrewError("conflict", "There are no tickets: set `tickets` in the settings file.");
    const body = await readBody(c.req.raw, { source: "runner" });
    const request = parseRequest(new TextDecoder().decode(body));
    return c.json(await exchange(request, c.get("correlation")));
  });
}

function parseRequest(text: string): ExchangeRequest {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new GroundcrewError("bad_request", "The body is not JSON.");
  }
  const parsed = exchangeRequestSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue?.path.map(String).join(".");
  throw new GroundcrewError("bad_request", `The exchange is not valid at ${where || "its top"}: ${issue?.message}.`);
}
