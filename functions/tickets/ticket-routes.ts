/** What people read and decide about tickets and their sessions, over HTTP. */

import { type Context, Hono } from "hono";
import { z } from "zod";
import type { Deps, Route } from "../../shared/app/deps.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import { createJsonReader } from "../../shared/http/limits.ts";
import { answerCleanJson, getRequester, validateQuery } from "../../shared/http/request.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { limitDeps, type Viewer } from "../../shared/people/viewer.ts";
import { reportPlaneErrors } from "../../shared/refusals/render-refusal.ts";
import { findRequest } from "../../shared/requests/requests.ts";
import type { RequestPlace } from "../../shared/task/request.ts";
import {
  addTestTicket,
  approveTicket,
  decideTicket,
  decideTicketRequest,
  testTicketSchema,
} from "../../shared/tickets/approval.ts";
import { completeTicket, updatePlane } from "../../shared/tickets/completion.ts";
import { type Difference, MAX_INPUT_LENGTH, MAX_SUMMARY_LENGTH } from "../../shared/tickets/exchange.ts";
import { readRules, removeRule } from "../../shared/tickets/permission-rules.ts";
import { readMinutes } from "../../shared/tickets/policy.ts";
import { readDifference } from "../../shared/tickets/rounds.ts";
import { changeTicket, getTicket, requireTicketKey } from "../../shared/tickets/stored-tickets.ts";
import { isChecking, type Ticket } from "../../shared/tickets/ticket.ts";
import type { NewTicketEvent } from "../../shared/tickets/ticket-machine.ts";
import {
  describePolicy,
  readCompletedTickets,
  readPendingTickets,
  readSessions,
  readTicketPage,
  readWorktrees,
  toPendingView,
  toRuleView,
} from "../../shared/tickets/ticket-views.ts";
import { countChanges, parseDiff } from "../../shared/tickets/unified-diff.ts";

/** What a person asks for: about which ticket, and who, where. */
interface ActionRequest {
  deps: Deps;
  key: string;
  person: { by: string; where: RequestPlace };
  correlation: string;
}

/** Limit of a text that is typed into a session in UTF-16 units. */
const MAX_TYPED_LENGTH = 10_000;

const answerSchema = z.strictObject({
  question: z.string().min(1).max(100),
  answer: z.string().trim().min(1).max(MAX_TYPED_LENGTH),
  /** Of the input that was shown: the answer is refused for another one. */
  hash: z.string().max(64).optional(),
});

const inputSchema = z.strictObject({
  /** Chosen by the sender, so that a repeated request is typed once. */
  id: z
    .string()
    .regex(/^[\w-]{16,64}$/)
    .optional(),
  kind: z.enum(["text", "keys", "interrupt"]).default("text"),
  text: z.string().max(MAX_TYPED_LENGTH).default(""),
});

/** Of an action that is all said by its path. */
const NOTHING = z.looseObject({});

const ruleSchema = z.strictObject({ id: z.string().min(1).max(40) });

const countSchema = z.coerce.number().int().min(1).optional();

const validateRound = validateQuery(
  z.object({ run: countSchema, round: countSchema }),
  "run and round are whole numbers from 1; without them the newest counts.",
);

/** What people do with a session, by the last part of the path. */
const SESSION_ACTIONS = {
  answer: defineStep(answerSchema, answerQuestion),
  input: defineStep(inputSchema, (request, { id = request.deps.newId(), ...typed }) =>
    change(request, { kind: "typed", input: { id, ...typed } }),
  ),
  complete: defineStep(
    z.strictObject({ summary: z.string().trim().min(1).max(MAX_SUMMARY_LENGTH) }),
    ({ deps, key, person: { by }, correlation }, { summary }) =>
      completeTicket(deps, key, { summary, source: "person", by }, correlation),
  ),
  cancel: defineStep(NOTHING, (request) => change(request, { kind: "cancelled", ...request.person })),
  extend: defineStep(
    z.strictObject({ minutes: z.int().min(1).max(1_440).optional() }),
    async (request, { minutes }) => {
      const granted = minutes ?? (await readMinutes(request.deps, request.key));
      return change(request, { kind: "extended", ...request.person, minutes: granted });
    },
  ),
  start: defineStep(NOTHING, (request) => change(request, { kind: "start_requested", ...request.person })),
  "send-back": defineStep(
    z.strictObject({ text: z.string().trim().min(1).max(MAX_INPUT_LENGTH) }),
    ({ deps, key, person, correlation }, { text: comment }) =>
      decideTicket(deps, key, "result", { answer: "send_back", comment, ...person }, correlation),
  ),
  remove: defineStep(z.strictObject({ force: z.boolean().default(false) }), (request, { force }) =>
    change(request, { kind: "removal_requested", by: request.person.by, force }),
  ),
};

const approve = defineAction(
  z.strictObject({ hash: z.string().min(1).max(64).optional() }),
  ({ deps, key, person, correlation }, { hash }) =>
    reportPlaneErrors(approveTicket(deps, key, { ...person, ...omitUndefined({ hash }) }, correlation)),
);

const reject = defineStep(
  z.strictObject({ reason: z.string().max(1_000).default("") }),
  async ({ deps, key, person, correlation }, { reason: comment }) => {
    const ticket = await getTicket(deps, key);
    if (ticket.state === "rejected") return ticket;
    return decideTicket(deps, key, "ticket", { answer: "reject", comment, ...person }, correlation);
  },
);

const updateSchema = z.strictObject({ summary: z.string().max(MAX_SUMMARY_LENGTH).optional() });

/** A request for a ticket whose update is being written waits for it. */
function createUpdate(deps: Deps) {
  const running = new Map<string, Promise<object>>();
  return defineAction(updateSchema, async ({ key, person, correlation }, { summary }) => {
    const update = { ...person, ...omitUndefined({ summary }) };
    const written = running.get(key) ?? reportPlaneErrors(updatePlane(deps, key, update, correlation));
    running.set(key, written);
    return written.finally(() => running.delete(key));
  })(deps);
}

/** What people read of tickets, and do with them. */
export const ticketRoutes: readonly Route[] = [
  defineList("/api/pending-tickets", (deps, viewer) => readPendingTickets(limitDeps(deps, viewer))),
  defineList("/api/completed-tickets", (deps, viewer) => readCompletedTickets(limitDeps(deps, viewer))),
  defineList("/api/worktrees", readWorktrees),
  { path: "/api/sessions", access: "page", app: createSessionsApp },
  { path: "/api/approve", access: "page", app: (deps) => new Hono().post("/:ticket", approve(deps)) },
  { path: "/api/reject", access: "page", app: (deps) => new Hono().post("/:ticket", reject(deps)) },
  { path: "/api/update-plane", access: "page", app: (deps) => new Hono().post("/:ticket", createUpdate(deps)) },
  { path: "/api/permission-rules", access: "page", app: createRulesApp },
  { path: "/api/test/add-ticket", access: "page", app: createTestApp },
  { path: "/api/tickets", access: "page", app: createTicketApp },
];

function defineList(path: string, read: (deps: Deps, viewer: Viewer) => Promise<object>): Route {
  const answer = (deps: Deps) => async (c: Context) => answerCleanJson(c, await read(deps, c.get("viewer")));
  return { path, access: "page", app: (deps) => new Hono().get("/", answer(deps)) };
}

/** Defines what people do with a ticket, whose answer is what `act` returns. */
function defineAction<Input>(schema: z.ZodType<Input>, act: (request: ActionRequest, input: Input) => Promise<object>) {
  return (deps: Deps) => {
    const readJson = createJsonReader();
    return async (c: Context) => {
      const input = await readJson(c, schema);
      const request = { deps, key: readTicketKey(c), person: getRequester(c), correlation: c.get("correlation") };
      return answerCleanJson(c, await act(request, input));
    };
  };
}

/** Defines an action whose answer is the ticket's state. */
function defineStep<Input>(schema: z.ZodType<Input>, act: (request: ActionRequest, input: Input) => Promise<Ticket>) {
  return defineAction(schema, async (request, input: Input) => {
    const ticket = await act(request, input);
    const { key: ticket_id, state } = ticket;
    return { ticket_id, state, ...(isChecking(ticket) ? { waits_for: "tests" } : {}) };
  });
}

/** Reads the key of a ticket from the path. */
export function readTicketKey(c: Context): string {
  return requireTicketKey(c.req.param("ticket") ?? "").key;
}

function change({ deps, key, correlation }: ActionRequest, event: NewTicketEvent): Promise<Ticket> {
  return changeTicket(deps, key, event, correlation);
}

/** Answers what a session asks; without a hash what it asks now. */
async function answerQuestion(
  { deps, key, person, correlation }: ActionRequest,
  { question: id, answer: text, hash }: z.infer<typeof answerSchema>,
): Promise<Ticket> {
  const found = (await findRequest(deps, id))?.value;
  const request = found?.subject.key === key ? found : undefined;
  const { waits } = request?.session ?? {};
  const isSentBack = waits === "plan" && !request?.answers.includes(text);
  const words = { answer: isSentBack ? "send_back" : "answer", comment: text };
  const answer = waits === "input" || isSentBack ? words : { answer: text };
  return decideTicketRequest(deps, key, request, { ...answer, hash, ...person }, correlation);
}

function createSessionsApp(deps: Deps): Hono {
  const app = new Hono().get("/", async (c) => answerCleanJson(c, await readSessions(deps, c.get("viewer"))));
  for (const [name, createAction] of Object.entries(SESSION_ACTIONS)) app.post(`/:ticket/${name}`, createAction(deps));
  return app;
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

/** Shows the policy of a repository, one ticket, and what its branch changes: as text, or as files and counts. */
function createTicketApp(deps: Deps): Hono {
  return new Hono()
    .get("/policies/:id", async (c) => answerCleanJson(c, await describePolicy(deps, c.req.param("id"))))
    .get("/:ticket", async (c) =>
      answerCleanJson(c, await readTicketPage(deps, await getTicket(deps, readTicketKey(c)))),
    )
    .get("/:ticket/diff", validateRound, async (c) => {
      const ticket = await getTicket(deps, readTicketKey(c));
      const { run = ticket.run, round = ticket.round } = c.req.valid("query");
      const difference = await readDifference(deps, { key: ticket.key, run, round });
      if (!difference)
        throw new GroundcrewError("not_found", `No commit of ${ticket.key} has been reported in this run.`);
      c.header("Vary", "Accept");
      if (!c.req.header("accept")?.includes("application/json")) return c.text(difference.text);
      return answerCleanJson(c, describeDifference(difference));
    });
}

/** The files of a difference with their counts. `left_out`: number of files of which it has nothing. */
function describeDifference({ run, round, commit, text, left_out }: Difference) {
  const files = parseDiff(text);
  const { insertions, deletions } = countChanges(files);
  const listed = files.map(({ path, from, status, insertions: added, deletions: deleted, isBinary }) => {
    const counts = { insertions: added, deletions: deleted };
    return { path, status, ...counts, ...omitUndefined({ from }), ...(isBinary ? { binary: true } : {}) };
  });
  return { run, round, commit, files: listed, insertions, deletions, ...(left_out > 0 ? { left_out } : {}) };
}
