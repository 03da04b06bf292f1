import { Hono } from "hono";
import { z } from "zod";
import type { Deps, Route } from "../../shared/app/deps.ts";
import { answerCleanJson } from "../../shared/http/answer-clean-json.ts";
import { changeTicket } from "../../shared/tickets/change-ticket.ts";
import { completeTicket } from "../../shared/tickets/complete-ticket.ts";
import { MAX_SUMMARY_LENGTH } from "../../shared/tickets/exchange.ts";
import { readSession } from "../../shared/tickets/observed-session.ts";
import { rankApproved } from "../../shared/tickets/place-tickets.ts";
import { readActiveTickets, readTickets } from "../../shared/tickets/read-tickets.ts";
import { readRunners } from "../../shared/tickets/runner-record.ts";
import type { Ticket } from "../../shared/tickets/ticket.ts";
import { readTicketCost } from "../../shared/tickets/ticket-cost.ts";
import { type SessionsAnswer, toSessionView } from "../../shared/tickets/ticket-views.ts";
import { createJsonReader, getRequester, readTicketKey } from "./ticket-input.ts";

/** The sessions of approved tickets, and what people do with them. */
export const sessionsRoute: Route = { path: "/api/sessions", access: "page", app };

/** Limit of failed tickets in one answer: the newest 20. */
const MAX_FAILED = 20;
/** Limit of a text that is typed into a session in UTF-16 units. */
const MAX_TYPED_LENGTH = 10_000;

const answerSchema = z.strictObject({
  question: z.string().min(1).max(100),
  answer: z.string().trim().min(1).max(MAX_TYPED_LENGTH),
});
const completionSchema = z.strictObject({ summary: z.string().trim().min(1).max(MAX_SUMMARY_LENGTH) });
const extensionSchema = z.strictObject({ minutes: z.int().min(1).max(1_440).optional() });
const removalSchema = z.strictObject({ force: z.boolean().default(false) });
const inputSchema = z.strictObject({
  /** Chosen by the sender, so that a repeated request is typed once. */
  id: z
    .string()
    .regex(/^[\w-]{16,64}$/)
    .optional(),
  kind: z.enum(["text", "keys", "interrupt"]).default("text"),
  text: z.string().max(MAX_TYPED_LENGTH).default(""),
});

function app(deps: Deps): Hono {
  const readJson = createJsonReader();
  const now = () => deps.store.now();
  const answerState = ({ key, state }: { key: string; state: string }) => ({ ticket_id: key, state });

  return new Hono()
    .get("/", async (c) => answerCleanJson(c, await readSessions(deps)))
    .post("/:ticket/answer", async (c) => {
      const { question, answer: text } = await readJson(c, answerSchema);
      const event = { kind: "answered", at: await now(), question, text, by: getRequester(c) } as const;
      return c.json(answerState(await changeTicket(deps, readTicketKey(c), event, c.get("correlation"))));
    })
    .post("/:ticket/input", async (c) => {
      const { id = deps.newId(), ...typed } = await readJson(c, inputSchema);
      const input = { id, ...typed };
      const event = { kind: "typed", at: await now(), input } as const;
      return c.json(answerState(await changeTicket(deps, readTicketKey(c), event, c.get("correlation"))));
    })
    .post("/:ticket/complete", async (c) => {
      const { summary } = await readJson(c, completionSchema);
      const completion = { summary, source: "person", by: getRequester(c) } as const;
      return c.json(answerState(await completeTicket(deps, readTicketKey(c), completion, c.get("correlation"))));
    })
    .post("/:ticket/cancel", async (c) => {
      const event = { kind: "cancelled", at: await now(), by: getRequester(c) } as const;
      return c.json(answerState(await changeTicket(deps, readTicketKey(c), event, c.get("correlation"))));
    })
    .post("/:ticket/extend", async (c) => {
      const { minutes = deps.settings.tickets?.minutes ?? 30 } = await readJson(c, extensionSchema);
      const event = { kind: "extended", at: await now(), minutes, by: getRequester(c) } as const;
      return c.json(answerState(await changeTicket(deps, readTicketKey(c), event, c.get("correlation"))));
    })
    .post("/:ticket/remove", async (c) => {
      const { force } = await readJson(c, removalSchema);
      const event = { kind: "removal_requested", at: await now(), by: getRequester(c), force } as const;
      return c.json(answerState(await changeTicket(deps, readTicketKey(c), event, c.get("correlation"))));
    });
}

async function readSessions(deps: Deps): Promise<SessionsAnswer> {
  const [active, failed, runners, cost, at] = await Promise.all([
    readActiveTickets(deps),
    readTickets(deps, ["failed"]),
    readRunners(deps.store),
    readTicketCost(deps, 1),
    deps.store.now(),
  ]);
  const positions = rankApproved(active);
  const toView = async (ticket: Ticket) =>
    toSessionView(ticket, await readSession(deps, ticket), positions.get(ticket.key));
  const newestFailed = failed.sort((a, b) => (b.endedAt ?? 0) - (a.endedAt ?? 0)).slice(0, MAX_FAILED);
  const [today] = cost.days;
  return {
    count: active.length,
    sessions: await Promise.all(active.map(toView)),
    failed: await Promise.all(newestFailed.map(toView)),
    runners: runners.map(({ name, version, repositories, at: seenAt }) => ({
      name,
      version,
      repositories,
      seen_at: new Date(seenAt).toISOString(),
    })),
    configured: deps.settings.tickets !== undefined,
    cost_today: { day: today?.day ?? "", cost_usd: today?.cost ?? 0 },
    server_time: new Date(at).toISOString(),
  };
}
