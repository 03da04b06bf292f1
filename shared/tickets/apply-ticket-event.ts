import { applyDecision } from "./apply-decision.ts";
import { applyResult } from "./apply-result.ts";
import { applySession } from "./apply-session.ts";
import type { Ticket } from "./ticket.ts";
import { isFinal } from "./ticket.ts";
import { refuse, type TicketEvent, type TicketOutcome } from "./ticket-event.ts";

/** Number of causes that are remembered for each ticket: 50, more than one work item has within a day. */
const MAX_CAUSES = 50;

/**
 * Applies an event to a ticket: the whole state machine, a pure function. Nothing runs without an approval of the
 * present content, at most one run is active, a completion is recorded once, and each step of the update succeeds at
 * most once. An event that changes nothing returns the ticket itself; one that is not possible is refused.
 */
export function applyTicketEvent(ticket: Ticket | undefined, event: TicketEvent): TicketOutcome {
  if (event.kind === "requested") return applyRequest(ticket, event);
  if (!ticket) return refuse("not_found", "There is no such ticket. GET /api/pending-tickets lists the pending ones.");
  switch (event.kind) {
    case "approved":
    case "rejected":
    case "reread":
    case "cancelled":
    case "closed_in_plane":
    case "removal_requested":
      return applyDecision(ticket, event);
    case "completed":
    case "update_requested":
    case "update_step":
      return applyResult(ticket, event);
    default:
      return applySession(ticket, event);
  }
}

/** A cause requests a ticket once. During a run it is kept for afterwards; the newest one counts. */
function applyRequest(
  previous: Ticket | undefined,
  { at, key, item, version }: Extract<TicketEvent, { kind: "requested" }>,
): TicketOutcome {
  if (previous?.causes.includes(version.cause.id)) return { ticket: previous };
  const ticket = previous && reopen(previous);
  const causes = [...(ticket?.causes ?? []), version.cause.id].slice(-MAX_CAUSES);
  const step = version.cause.by === undefined ? {} : { by: version.cause.by };
  const reason = `requested_${version.cause.trigger}`;
  const shownTitle = version.content.title;
  if (!ticket || isFinal(ticket.state)) {
    const base: Ticket = ticket ?? {
      key,
      item,
      state: "pending",
      reason,
      detail: "",
      run: 0,
      shown: version,
      causes,
      requestedAt: at,
      wanted: false,
      started: false,
      failures: 0,
      questions: [],
      inputs: [],
    };
    return {
      ticket: { ...base, item, state: "pending", reason, detail: shownTitle, shown: version, causes, requestedAt: at },
      step,
    };
  }
  if (ticket.state === "pending")
    return { ticket: { ...ticket, item, reason, detail: shownTitle, shown: version, causes }, step };
  return { ticket: { ...ticket, next: version, causes }, step };
}

/** A work item that requests a ticket is open, whatever an earlier update did. */
function reopen({ closedByUpdate: _closedByUpdate, ...ticket }: Ticket): Ticket {
  return ticket;
}
