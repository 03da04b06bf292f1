import { type Context, Hono } from "hono";
import type { Deps, Route } from "../../shared/app/deps.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import { createBodyReader } from "../../shared/http/body-reader.ts";
import { createRefusalLimiter } from "../../shared/http/refusal-limiter.ts";
import { changeTicket } from "../../shared/tickets/change-ticket.ts";
import { findTicketOfToken } from "../../shared/tickets/run-token.ts";
import {
  applySessionHook,
  sessionHookSchema,
  takeAnswers,
  toPermissionDecision,
} from "../../shared/tickets/session-hook.ts";
import type { Ticket } from "../../shared/tickets/ticket.ts";
import { MINUTE, type Ms } from "../../shared/time.ts";

/** Hooks of the sessions of tickets, which show GROUNDCREW_TOKEN of their run. */
export const sessionHooksRoute: Route = { path: "/api/runner/sessions", access: "public", app };

/** Limit of a hook's body in bytes: 2 MB, because a tool's input may contain a whole file. */
const HOOK_LIMIT_BYTES = 2 * 1024 * 1024;
/** Limit of requests with a wrong token: 10 per minute and source, as for the other tokens. */
const WRONG_TOKEN_LIMIT = 10;
/** Time for which a permission waits for a person: 10 min; then the dialog in the terminal decides. */
const PERMISSION_WAIT_MS: Ms = 10 * MINUTE;
/** Interval between looks for an answer: 500 ms. */
const ANSWER_INTERVAL: Ms = 500;

function app(deps: Deps): Hono {
  const readBody = createBodyReader(HOOK_LIMIT_BYTES);
  const wrongTokens = createRefusalLimiter({
    limit: WRONG_TOKEN_LIMIT,
    message: "Too many requests with an unknown token. Send a valid one, or try again in a minute.",
    clock: deps.clock,
  });

  /** Finds the ticket whose present run has the token of the request. */
  async function authenticate(c: Context): Promise<Ticket> {
    const key = c.req.param("ticket") ?? "";
    const token = /^Bearer ([\x21-\x7e]+)$/i.exec(c.req.header("authorization") ?? "")?.[1];
    const ticket = await findTicketOfToken(deps, token ?? "", key);
    if (ticket) return ticket;
    c.header("WWW-Authenticate", 'Bearer realm="groundcrew"');
    const refusal = new GroundcrewError("unauthorized", "Send GROUNDCREW_TOKEN of the ticket's present run.");
    throw token === undefined ? refusal : wrongTokens.countRefusal(c, refusal);
  }

  /** Waits until a person has answered; undefined when the dialog in the terminal has to decide. */
  async function waitForAnswer(
    c: Context,
    key: string,
    question: string,
  ): Promise<Parameters<typeof toPermissionDecision>[1] | undefined> {
    const correlation = c.get("correlation");
    for (let waited = 0; waited < PERMISSION_WAIT_MS; waited += ANSWER_INTERVAL) {
      const taken = await takeAnswers(deps, key, question, correlation);
      if (taken === "closed") return undefined;
      if (taken !== "open") return taken;
      if (deps.stopping.aborted || c.req.raw.signal.aborted) break;
      await deps.wait(ANSWER_INTERVAL, deps.stopping);
    }
    await changeTicket(deps, key, { kind: "released", at: await deps.store.now(), question }, correlation);
    return undefined;
  }

  return new Hono().post("/:ticket/hooks", async (c) => {
    const ticket = await authenticate(c);
    const hook = parseHook(new TextDecoder().decode(await readBody(c.req.raw, { source: ticket.key })));
    const answer = await applySessionHook(deps, ticket, hook, c.get("correlation"));
    if (answer === undefined) return c.body(null, 204);
    if ("json" in answer) return c.json(answer.json);
    const decision = await waitForAnswer(c, ticket.key, answer.wait);
    return decision ? c.json(toPermissionDecision(hook, decision)) : c.body(null, 204);
  });
}

function parseHook(text: string) {
  try {
    return sessionHookSchema.parse(JSON.parse(text));
  } catch {
    throw new GroundcrewError("bad_request", "Send a hook's JSON with hook_event_name.");
  }
}
