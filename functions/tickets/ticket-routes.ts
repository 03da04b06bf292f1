/** What people read and decide about tickets and sessions, over HTTP. */

import { type Context, Hono } from "hono";
import { z } from "zod";
import type { Deps, Route } from "../../shared/app/deps.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import { createJsonReader } from "../../shared/http/limits.ts";
import { answerCleanJson, getRequester } from "../../shared/http/request.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { limitDeps, seesTask, type Viewer } from "../../shared/people/viewer.ts";
import { reportPlaneErrors } from "../../shared/refusals/render-refusal.ts";
import { findRequest } from "../../shared/requests/requests.ts";
import type { RequestPlace } from "../../shared/task/request.ts";
import { addTestTicket, approveTicket, testTicketSchema } from "../../shared/tickets/approval.ts";
import { completeTicket, type UpdateResult, updatePlane } from "../../shared/tickets/completion.ts";
import { decideTicket, decideTicketRequest } from "../../shared/tickets/decide-ticket.ts";
import { MAX_INPUT_LENGTH, MAX_SUMMARY_LENGTH } from "../../shared/tickets/exchange.ts";
import { readRules, removeRule } from "../../shared/tickets/permission-rules.ts";
import { readMinutes } from "../../shared/tickets/policies.ts";
import { rankApproved } from "../../shared/tickets/runner-sessions.ts";
import { readRunners } from "../../shared/tickets/runners.ts";
import {
  COMPLETED_STATES,
  changeTicket,
  getTicket,
  readActiveTickets,
  readSession,
  readTickets,
  requireTicketKey,
} from "../../shared/tickets/stored-tickets.ts";
import { isChecking, type NewTicketEvent, type Ticket, type TicketState } from "../../shared/tickets/ticket.ts";
import {
  type CompletedTicketsAnswer,
  type PendingTicketsAnswer,
  readTicketCost,
  type SessionsAnswer,
  toCompletedView,
  toPendingView,
  toRuleView,
  toSessionView,
  type WorktreesAnswer,
} from "../../shared/tickets/ticket-views.ts";

/** What a person asks for. */
interface ActionRequest {
  deps: Deps;
  /** The ticket's. */
  key: string;
  /** Who asks, and where. */
  by: string;
  where: RequestPlace;
  correlation: string;
}

const approvalSchema = z.strictObject({ hash: z.string().min(1).max(64).optional() });

const rejectionSchema = z.strictObject({ reason: z.string().max(1_000).default("") });

const sendBackSchema = z.strictObject({ text: z.string().trim().min(1).max(MAX_INPUT_LENGTH) });

const updateSchema = z.strictObject({ summary: z.string().max(MAX_SUMMARY_LENGTH).optional() });

/** Limit of tickets that are written to Plane in one answer: the newest 20. */
const MAX_UPDATED = 20;

/** What people do with tickets before and after their sessions. */
export const ticketRoutes: readonly Route[] = [
  { path: "/api/pending-tickets", access: "page", app: createPendingApp },
  { path: "/api/completed-tickets", access: "page", app: createCompletedApp },
  { path: "/api/approve", access: "page", app: (deps) => new Hono().post("/:ticket", createApproval(deps)) },
  { path: "/api/reject", access: "page", app: (deps) => new Hono().post("/:ticket", createRejection(deps)) },
  { path: "/api/update-plane", access: "page", app: createUpdateApp },
  { path: "/api/worktrees", access: "page", app: createWorktreesApp },
  { path: "/api/permission-rules", access: "page", app: createRulesApp },
  { path: "/api/test/add-ticket", access: "page", app: createTestApp },
];

/** Limit of failed tickets in one answer: the newest 20. */
const MAX_FAILED = 20;

/** Limit of a text that is typed into a session in UTF-16 units. */
const MAX_TYPED_LENGTH = 10_000;

const answerSchema = z.strictObject({
  question: z.string().min(1).max(100),
  answer: z.string().trim().min(1).max(MAX_TYPED_LENGTH),
  /** Of the input that was shown: the answer is refused for another one. */
  hash: z.string().max(64).optional(),
});

const ruleSchema = z.strictObject({ id: z.string().min(1).max(40) });

const inputSchema = z.strictObject({
  /** Chosen by the sender, so that a repeated request is typed once. */
  id: z
    .string()
    .regex(/^[\w-]{16,64}$/)
    .optional(),
  kind: z.enum(["text", "keys", "interrupt"]).default("text"),
  text: z.string().max(MAX_TYPED_LENGTH).default(""),
});

const completionSchema = z.strictObject({ summary: z.string().trim().min(1).max(MAX_SUMMARY_LENGTH) });

const extensionSchema = z.strictObject({ minutes: z.int().min(1).max(1_440).optional() });

const removalSchema = z.strictObject({ force: z.boolean().default(false) });

/** The sessions of approved tickets, and what people do with them. */
export const sessionsRoute: Route = { path: "/api/sessions", access: "page", app: createSessionsApp };

function createPendingApp(deps: Deps): Hono {
  return new Hono().get("/", async (c) => {
    const tickets = (await readTickets(limitDeps(deps, c.get("viewer")), ["pending"])).map(toPendingView);
    return answerCleanJson(c, { count: tickets.length, tickets } satisfies PendingTicketsAnswer);
  });
}

function createCompletedApp(deps: Deps): Hono {
  return new Hono().get("/", async (c) => {
    const readNewest = async (states: readonly TicketState[]) =>
      (await readTickets(limitDeps(deps, c.get("viewer")), states)).sort(
        (a, b) => (b.completion?.at ?? 0) - (a.completion?.at ?? 0),
      );
    const toView = async (ticket: Ticket) => toCompletedView(deps.settings, ticket, await readSession(deps, ticket));
    const [waiting, updated] = await Promise.all([readNewest(COMPLETED_STATES), readNewest(["done"])]);
    return answerCleanJson(c, {
      count: waiting.length,
      tickets: await Promise.all(waiting.map(toView)),
      updated_count: updated.length,
      updated: await Promise.all(updated.slice(0, MAX_UPDATED).map(toView)),
    } satisfies CompletedTicketsAnswer);
  });
}

const createApproval = defineAction(approvalSchema, ({ deps, key, by, where, correlation }, { hash }) =>
  reportPlaneErrors(approveTicket(deps, key, { by, where, ...omitUndefined({ hash }) }, correlation)),
);

const createRejection = defineAction(rejectionSchema, async ({ deps, key, by, where, correlation }, { reason }) => {
  const ticket = await getTicket(deps, key);
  const decision = { answer: "reject", comment: reason, by, where };
  const isRepeated = ticket.state === "rejected";
  return toStateAnswer(isRepeated ? ticket : await decideTicket(deps, key, "ticket", decision, correlation));
});

function createUpdateApp(deps: Deps): Hono {
  const running = new Map<string, Promise<UpdateResult>>();
  const createUpdate = defineAction(updateSchema, ({ key, by, where, correlation }, { summary }) => {
    const update = { by, where, ...omitUndefined({ summary }) };
    // A request for a ticket whose update is being written waits for it.
    const current =
      running.get(key) ??
      reportPlaneErrors(updatePlane(deps, key, update, correlation)).finally(() => running.delete(key));
    running.set(key, current);
    return current;
  });
  return new Hono().post("/:ticket", createUpdate(deps));
}

function createWorktreesApp(deps: Deps): Hono {
  return new Hono().get("/", async (c) => {
    const runners = await readRunners(deps.store);
    const all = runners.flatMap(({ name: runner, worktrees = [] }) =>
      worktrees.map(({ ticket: id, ...worktree }) => ({ id, runner, ...worktree })),
    );
    const seen = await Promise.all(all.map(({ id }) => seesTask(deps, c.get("viewer"), id)));
    const worktrees = all.filter((_, i) => seen[i]).sort((a, b) => b.kilobytes - a.kilobytes);
    const kilobytes = worktrees.reduce((sum, worktree) => sum + worktree.kilobytes, 0);
    return answerCleanJson(c, { count: worktrees.length, kilobytes, worktrees } satisfies WorktreesAnswer);
  });
}

function createRulesApp(deps: Deps): Hono {
  const readJson = createJsonReader();
  return new Hono()
    .get("/", async (c) =>
      answerCleanJson(c, { rules: (await readRules(limitDeps(deps, c.get("viewer")))).map(toRuleView) }),
    )
    .post("/remove", async (c) => {
      await removeRule(limitDeps(deps, c.get("viewer")), (await readJson(c, ruleSchema)).id);
      return answerCleanJson(c, { status: "removed" });
    });
}

function createTestApp(deps: Deps): Hono {
  const readJson = createJsonReader();
  return new Hono().post("/", async (c) => {
    if (!deps.settings.allowTestTickets)
      throw new GroundcrewError("forbidden", "Test tickets are off. Set ALLOW_TEST_TICKETS=1 to allow them.");
    const added = addTestTicket(deps, await readJson(c, testTicketSchema), c.get("correlation"));
    return answerCleanJson(c, toPendingView(await reportPlaneErrors(added)));
  });
}

/** What people do with a session, by the last part of the path. */
const SESSION_ACTIONS = {
  answer: defineAction(answerSchema, answerQuestion),
  input: defineEvent(inputSchema, ({ deps }, { id = deps.newId(), ...typed }) => {
    return { kind: "typed", input: { id, ...typed } };
  }),
  complete: defineAction(completionSchema, async ({ deps, key, by, correlation }, { summary }) =>
    toStateAnswer(await completeTicket(deps, key, { summary, source: "person", by }, correlation)),
  ),
  cancel: defineEvent(undefined, ({ by, where }) => ({ kind: "cancelled", by, where })),
  extend: defineEvent(extensionSchema, async ({ deps, key, by, where }, { minutes }) => {
    return { kind: "extended", by, where, minutes: minutes ?? (await readMinutes(deps, key)) };
  }),
  start: defineEvent(undefined, ({ by, where }) => ({ kind: "start_requested", by, where })),
  "send-back": defineAction(sendBackSchema, async ({ deps, key, by, where, correlation }, { text: comment }) => {
    const decision = { answer: "send_back", comment, by, where };
    return toStateAnswer(await decideTicket(deps, key, "result", decision, correlation));
  }),
  remove: defineEvent(removalSchema, ({ by }, { force }) => ({ kind: "removal_requested", by, force })),
};

/** Answers what a session asks; without a hash what it asks now. */
async function answerQuestion(
  { deps, key, by, where, correlation }: ActionRequest,
  { question: id, answer: text, hash }: z.infer<typeof answerSchema>,
) {
  const found = (await findRequest(deps, id))?.value;
  const request = found?.subject.key === key ? found : undefined;
  const { waits } = request?.session ?? {};
  const isWords = waits === "plan" && !request?.answers.includes(text);
  const answer =
    waits === "input" || isWords ? { answer: isWords ? "send_back" : "answer", comment: text } : { answer: text };
  return toStateAnswer(await decideTicketRequest(deps, key, request, { ...answer, hash, by, where }, correlation));
}

function createSessionsApp(deps: Deps): Hono {
  const app = new Hono().get("/", async (c) => answerCleanJson(c, await readSessions(deps, c.get("viewer"))));
  for (const [name, createAction] of Object.entries(SESSION_ACTIONS)) app.post(`/:ticket/${name}`, createAction(deps));
  return app;
}

/** Defines what people do with a ticket, whose answer is what `act` returns. Without a schema no body is read. */
function defineAction<Input>(
  schema: z.ZodType<Input> | undefined,
  act: (request: ActionRequest, input: Input) => Promise<object>,
) {
  return (deps: Deps) => {
    const readJson = createJsonReader();
    return async (c: Context) => {
      const input = schema ? await readJson(c, schema) : (undefined as Input);
      const request = { deps, key: readTicketKey(c), ...getRequester(c), correlation: c.get("correlation") };
      return answerCleanJson(c, await act(request, input));
    };
  };
}

/** Defines an action that is one event of the ticket. */
function defineEvent<Input>(
  schema: z.ZodType<Input> | undefined,
  toEvent: (request: ActionRequest, input: Input) => NewTicketEvent | Promise<NewTicketEvent>,
) {
  return defineAction(schema, async (request, input: Input) =>
    toStateAnswer(await changeTicket(request.deps, request.key, await toEvent(request, input), request.correlation)),
  );
}

function toStateAnswer(ticket: Ticket) {
  const { key, state } = ticket;
  return { ticket_id: key, state, ...(isChecking(ticket) ? { waits_for: "tests" } : {}) };
}

/** Reads the key of a ticket from the path. */
export function readTicketKey(c: Context): string {
  return requireTicketKey(c.req.param("ticket") ?? "").key;
}

async function readSessions(deps: Deps, viewer: Viewer): Promise<SessionsAnswer> {
  const own = limitDeps(deps, viewer);
  const [all, active, failed, runners, rules, cost, at] = await Promise.all([
    readActiveTickets(deps),
    readActiveTickets(own),
    readTickets(own, ["failed"]),
    readRunners(deps.store),
    readRules(own),
    readTicketCost(deps, 1),
    deps.store.now(),
  ]);
  const positions = rankApproved(all);
  const toView = async (ticket: Ticket) =>
    toSessionView(deps.settings, ticket, await readSession(deps, ticket), positions.get(ticket.key));
  const newestFailed = failed.sort((a, b) => (b.endedAt ?? 0) - (a.endedAt ?? 0)).slice(0, MAX_FAILED);
  const [today] = cost.days;
  return {
    count: active.length,
    sessions: await Promise.all(active.map(toView)),
    failed: await Promise.all(newestFailed.map(toView)),
    rules: rules.map(toRuleView),
    runners: runners.map(({ at: seenAt, instance: _instance, worktrees: _worktrees, checks = [], ...runner }) => {
      return { ...runner, checks, seen_at: new Date(seenAt).toISOString() };
    }),
    configured: deps.settings.tickets !== undefined,
    cost_today: { day: today?.day ?? "", cost_usd: today?.cost ?? 0 },
    server_time: new Date(at).toISOString(),
  };
}
