/** What people's answers to requests of tickets do: each is an event of its ticket, in the commit of the verdict. */

import type { RequestKind, RequestKinds, TaskDeps } from "../app/deps.ts";
import { GroundcrewError } from "../errors.ts";
import { parseTaskKey } from "../names.ts";
import { findRequest } from "../requests/requests.ts";
import type { RequestRecord } from "../task/request.ts";
import { cleanText } from "../text.ts";
import { needsPlan, rereadTicket, restoreTicket } from "./approval.ts";
import { planCompletion } from "./completion.ts";
import { MAX_INPUT_LENGTH } from "./exchange.ts";
import { chooseTicketCli, getCliName, needsPublication, readMinutes } from "./policy.ts";
import { createRunToken, getTicket, prepareStoredTicketEvent } from "./stored-tickets.ts";
import { asksAboutChecks } from "./ticket.ts";
import type { NewTicketEvent } from "./ticket-machine.ts";

type Decided = Parameters<RequestKind["decide"]>[1]["value"];

export const TICKET_REQUEST_KINDS: RequestKinds = {
  /** The approval of a ticket. */
  ticket: {
    ...createTicketKind(async (deps, { hash, verdict }, key) => {
      const { answer, by, where, comment: text = "" } = verdict;
      if (answer !== "approve") return { kind: "rejected", by, where, text };
      const ticket = await getTicket(deps, key);
      const plansFirst = await needsPlan(deps, ticket);
      const cli = { name: getCliName((await chooseTicketCli(deps, ticket)).cli) };
      const run = { sessionId: deps.newId(), token: createRunToken(key, deps.newId), plansFirst, cli };
      return { kind: "approved", by, where, hash, ...run };
    }),
    /** The work item is read again: a changed text is what is judged from then on. */
    async reread(deps, request, correlation) {
      const ticket = await getTicket(deps, getKey(request));
      if (ticket.state === "pending") await rereadTicket(deps, ticket, correlation);
      return (await findRequest(deps, request.id))?.value ?? request;
    },
    async restore(deps, id, by, correlation) {
      const [, name = ""] = /^([^.]+)\.\d+\.[\w.]+$/.exec(id) ?? [];
      const key = parseTaskKey(name)?.key;
      return key !== undefined && (await restoreTicket(deps, key, by, correlation)) ? "ticketRestored" : undefined;
    },
  },
  session: createTicketKind(toSessionEvent),
  /** The approval of a result, and another try of its update; the queue writes it. A rejected one is given up. */
  result: createTicketKind(async (deps, request, key) => {
    const { answer, by, where, comment = "" } = request.verdict;
    const ticket = await getTicket(deps, key);
    if (answer === "send_back") {
      const text = asksAboutChecks(ticket) ? joinChecks(comment, request) : comment;
      return { kind: "sent_back", text: cleanText(text, MAX_INPUT_LENGTH), by, where };
    }
    if (asksAboutChecks(ticket)) return { kind: "checks_left", by, where };
    const publishes = await needsPublication(deps, ticket);
    return answer === "approve"
      ? { kind: "update_requested", by, where, inQueue: true, publishes }
      : { kind: "cancelled", by, where };
  }),
};

/** What a session reads of red checks that are sent back: a person's words, if there are some, and what was shown. */
function joinChecks(comment: string, { text, input }: RequestRecord): string {
  return [comment, text, ...input.map(({ value }) => `The end of the log:\n\n${value}`)].filter(Boolean).join("\n\n");
}

/** Creates a kind of requests whose verdict is an event of their ticket. */
function createTicketKind(
  toEvent: (deps: TaskDeps, request: Decided, key: string) => NewTicketEvent | Promise<NewTicketEvent>,
): RequestKind {
  return {
    announce: async () => ({}),
    async decide(deps, { value: request }, correlation) {
      const key = getKey(request);
      return prepareStoredTicketEvent(deps, key, await toEvent(deps, request, key), correlation, request);
    },
  };
}

/** The event of an answer to what a session waits for, or of its end. */
async function toSessionEvent(deps: TaskDeps, request: Decided, key: string): Promise<NewTicketEvent> {
  const { answer, by, where, comment = "" } = request.verdict;
  switch (answer) {
    case "complete":
      return planCompletion(deps, await getTicket(deps, key), { summary: comment, source: "person", by });
    // A plan that is rejected ends its ticket; one that is sent back is made again.
    case "reject":
    case "cancel":
      return { kind: "cancelled", by, where };
    case "extend":
      return { kind: "extended", by, where, minutes: await readMinutes(deps, key), question: request.id };
    default:
      return { kind: "answered", question: request.id, verdict: request.verdict };
  }
}

function getKey({ subject }: RequestRecord): string {
  if (subject.key === undefined) throw new GroundcrewError("not_found", "The request is about no ticket.");
  return subject.key;
}
