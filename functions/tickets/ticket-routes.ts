import { Hono } from "hono";
import { z } from "zod";
import type { Deps, Route } from "../../shared/app/deps.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import { answerCleanJson } from "../../shared/http/answer-clean-json.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { addTestTicket, testTicketSchema } from "../../shared/tickets/add-test-ticket.ts";
import { approveTicket } from "../../shared/tickets/approve-ticket.ts";
import { changeTicket } from "../../shared/tickets/change-ticket.ts";
import { MAX_SUMMARY_LENGTH } from "../../shared/tickets/exchange.ts";
import { readSession } from "../../shared/tickets/observed-session.ts";
import { COMPLETED_STATES, readTickets } from "../../shared/tickets/read-tickets.ts";
import {
  type CompletedTicketsAnswer,
  type PendingTicketsAnswer,
  toCompletedView,
  toPendingView,
} from "../../shared/tickets/ticket-views.ts";
import { type UpdateResult, updatePlane } from "../../shared/tickets/update-plane.ts";
import { createJsonReader, getRequester, readTicketKey, reportPlaneErrors } from "./ticket-input.ts";

const approvalSchema = z.strictObject({ hash: z.string().min(1).max(64).optional() });
const rejectionSchema = z.strictObject({ reason: z.string().max(1_000).default("") });
const updateSchema = z.strictObject({ summary: z.string().max(MAX_SUMMARY_LENGTH).optional() });

/** Limit of tickets with a result in one answer: the newest 200. */
const MAX_COMPLETED = 200;

const pendingRoute: Route = {
  path: "/api/pending-tickets",
  access: "page",
  app: (deps) =>
    new Hono().get("/", async (c) => {
      const tickets = (await readTickets(deps, ["pending"])).map(toPendingView);
      return answerCleanJson(c, { count: tickets.length, tickets } satisfies PendingTicketsAnswer);
    }),
};

const completedRoute: Route = {
  path: "/api/completed-tickets",
  access: "page",
  app: (deps) =>
    new Hono().get("/", async (c) => {
      const read = await readTickets(deps, COMPLETED_STATES);
      const sorted = read.sort((a, b) => (b.completion?.at ?? 0) - (a.completion?.at ?? 0));
      const tickets = await Promise.all(
        sorted.slice(0, MAX_COMPLETED).map(async (ticket) => toCompletedView(ticket, await readSession(deps, ticket))),
      );
      return answerCleanJson(c, { count: sorted.length, tickets } satisfies CompletedTicketsAnswer);
    }),
};

const approveRoute: Route = { path: "/api/approve", access: "page", app: createApproveApp };

function createApproveApp(deps: Deps): Hono {
  const readJson = createJsonReader();
  return new Hono().post("/:ticket", async (c) => {
    const { hash } = await readJson(c, approvalSchema);
    const approval = { by: getRequester(c), ...omitUndefined({ hash }) };
    return c.json(await reportPlaneErrors(approveTicket(deps, readTicketKey(c), approval, c.get("correlation"))));
  });
}

const rejectRoute: Route = { path: "/api/reject", access: "page", app: createRejectApp };

function createRejectApp(deps: Deps): Hono {
  const readJson = createJsonReader();
  return new Hono().post("/:ticket", async (c) => {
    const { reason } = await readJson(c, rejectionSchema);
    const event = { kind: "rejected", at: await deps.store.now(), by: getRequester(c), text: reason } as const;
    const { key, state } = await changeTicket(deps, readTicketKey(c), event, c.get("correlation"));
    return c.json({ ticket_id: key, state });
  });
}

const updateRoute: Route = { path: "/api/update-plane", access: "page", app: createUpdateApp };

function createUpdateApp(deps: Deps): Hono {
  const readJson = createJsonReader();
  const running = new Map<string, Promise<UpdateResult>>();
  return new Hono().post("/:ticket", async (c) => {
    const { summary } = await readJson(c, updateSchema);
    const update = { by: getRequester(c), ...omitUndefined({ summary }) };
    return answerCleanJson(c, await updateOnce(readTicketKey(c), update, c.get("correlation")));
  });

  /** A request for a ticket whose update is being written waits for it. */
  function updateOnce(key: string, update: { by: string; summary?: string }, correlation: string) {
    const current =
      running.get(key) ??
      reportPlaneErrors(updatePlane(deps, key, update, correlation)).finally(() => running.delete(key));
    running.set(key, current);
    return current;
  }
}

const testRoute: Route = { path: "/api/test/add-ticket", access: "page", app: createTestApp };

function createTestApp(deps: Deps): Hono {
  const readJson = createJsonReader();
  return new Hono().post("/", async (c) => {
    if (!deps.settings.allowTestTickets)
      throw new GroundcrewError("forbidden", "Test tickets are off. Set ALLOW_TEST_TICKETS=1 to allow them.");
    const ticket = await addTestTicket(deps, await readJson(c, testTicketSchema), c.get("correlation"));
    return answerCleanJson(c, toPendingView(ticket));
  });
}

/** What people do with tickets before and after their sessions. */
export const ticketRoutes: readonly Route[] = [
  pendingRoute,
  completedRoute,
  approveRoute,
  rejectRoute,
  updateRoute,
  testRoute,
];
