/** What people's answers to requests of tickets do: each is an event of its ticket, in the commit of the verdict. */

import type { RequestKind, RequestKinds, TaskDeps } from "../app/deps.ts";
import { GroundcrewError } from "../errors.ts";
import { findRequest } from "../requests/requests.ts";
import type { RequestRecord } from "../task/request.ts";
import { rereadTicket } from "./approval.ts";
import { planCompletion } from "./completion.ts";
import { createRunToken, getTicket, ignoreConflict, prepareTicketEvent } from "./stored-tickets.ts";
import { type NewTicketEvent, type TicketRecord, ticketKeys } from "./ticket.ts";

type Decided = Parameters<RequestKind["decide"]>[1]["value"];

/** The approval of a ticket. */
const TICKET: RequestKind = {
  announce: async () => ({}),
  /** The work item is read again: a changed text is what is judged from then on. */
  async reread(deps, request, correlation) {
    const ticket = await getTicket(deps, getKey(request));
    if (ticket.state === "pending") await rereadTicket(deps, ticket, "Groundcrew", correlation).catch(ignoreConflict);
    return (await findRequest(deps, request.id))?.value ?? request;
  },
  decide(deps, { value: request }, correlation) {
    const { answer, by, where, comment: text = "" } = request.verdict;
    const [sessionId, token] = [deps.newId(), createRunToken(getKey(request), deps.newId)];
    const approved = { kind: "approved", by, where, hash: request.hash, sessionId, token } as const;
    const event = answer === "approve" ? approved : ({ kind: "rejected", by, where, text } as const);
    return prepareOwnEvent(deps, request, event, correlation);
  },
};

/** The approval of a result, and another try of its update; the queue writes it. A rejected one is given up. */
const RESULT: RequestKind = {
  announce: async () => ({}),
  decide(deps, { value: request }, correlation) {
    const { answer, by, where } = request.verdict;
    const approved = { kind: "update_requested", by, where, inQueue: true } as const;
    const event = answer === "approve" ? approved : ({ kind: "cancelled", by, where } as const);
    return prepareOwnEvent(deps, request, event, correlation);
  },
};

/** What a session waits for, and its end. */
const SESSION: RequestKind = {
  announce: async () => ({}),
  async decide(deps, { value: request }, correlation) {
    const event = await toSessionEvent(deps, request);
    return prepareOwnEvent(deps, request, event, correlation);
  },
};

export const TICKET_REQUEST_KINDS: RequestKinds = {
  ticket: TICKET,
  permission: SESSION,
  session: SESSION,
  result: RESULT,
};

async function toSessionEvent(deps: TaskDeps, request: Decided): Promise<NewTicketEvent> {
  const { answer, by, where, comment = "" } = request.verdict;
  switch (answer) {
    case "complete":
      return planCompletion(deps, await getTicket(deps, getKey(request)), { summary: comment, source: "person", by });
    case "cancel":
      return { kind: "cancelled", by, where };
    case "extend":
      return { kind: "extended", by, where, minutes: deps.settings.tickets?.minutes ?? 30 };
    default:
      return { kind: "answered", question: request.id, text: answer === "answer" ? comment : answer, by, where };
  }
}

function getKey({ subject }: RequestRecord): string {
  if (subject.key === undefined) throw new GroundcrewError("not_found", "The request is about no ticket.");
  return subject.key;
}

/** Prepares the event of a verdict, for the commit that stores it. */
async function prepareOwnEvent(deps: TaskDeps, request: Decided, event: NewTicketEvent, correlation: string) {
  const key = ticketKeys.ticket(getKey(request));
  const [stored] = await deps.store.read<TicketRecord>([key]);
  if (!stored) return undefined;
  const { expect = [], ...update } = await prepareTicketEvent(
    deps,
    stored.value,
    stored.rev,
    event,
    correlation,
    request,
  );
  return { ...update, expect: [...expect, [key, stored.rev] as [string, number]] };
}
