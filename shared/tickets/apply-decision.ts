import { isActive, isFinal, type Ticket } from "./ticket.ts";
import {
  clearRun,
  endRun,
  refuse,
  refuseClosedQuestion,
  type TicketEvent,
  type TicketOutcome,
} from "./ticket-event.ts";
import { hasFailedStep } from "./ticket-wait.ts";

type DecisionKind = "approved" | "rejected" | "reread" | "cancelled" | "closed_in_plane" | "removal_requested";
type DecisionEvent = Extract<TicketEvent, { kind: DecisionKind }>;

/** Applies a decision of a person, or of Plane: approve, reject, close, cancel. */
export function applyDecision(ticket: Ticket, event: DecisionEvent): TicketOutcome {
  switch (event.kind) {
    case "approved":
      return approve(ticket, event);
    case "rejected":
      return reject(ticket, event);
    case "reread":
      return compareContent(ticket, event);
    case "cancelled":
      return cancel(ticket, event);
    case "closed_in_plane":
      return close(ticket, event.at, event.text);
    case "removal_requested":
      return requestRemoval(ticket, event);
  }
}

/** An approval is bound to the hash of what was shown. Repeating it while its run is active changes nothing. */
function approve(ticket: Ticket, event: Extract<TicketEvent, { kind: "approved" }>): TicketOutcome {
  const { key, state, shown, approval } = ticket;
  const { at, by, hash, sessionId, token } = event;
  if (isActive(ticket) && approval?.hash === hash) return { ticket };
  if (state !== "pending") return refuse("conflict", `${key} is ${state}: only a pending ticket can be approved.`);
  if (shown.hash !== hash)
    return refuse("conflict", `${key} has changed since it was shown. Read it again and approve ${shown.hash}.`);
  return {
    ticket: {
      ...clearRun(ticket),
      state: "approved",
      reason: "approved",
      detail: "",
      run: ticket.run + 1,
      approval: { by, at, hash, sessionId, token },
      wanted: true,
    },
    step: { by },
  };
}

function reject(ticket: Ticket, { at, by, text }: Extract<TicketEvent, { kind: "rejected" }>): TicketOutcome {
  if (ticket.state === "rejected") return { ticket };
  if (ticket.state !== "pending")
    return refuse("conflict", `${ticket.key} is ${ticket.state}: only a pending ticket can be rejected.`);
  const rejected: Ticket = { ...ticket, state: "rejected", reason: "rejected", detail: text, closedBy: by };
  return { ticket: endRun(rejected, at), step: { by } };
}

/** The content that was read at the approval: a changed one is pending again, a closed ticket is cancelled. */
function compareContent(
  ticket: Ticket,
  { at, version, isClosed }: Extract<TicketEvent, { kind: "reread" }>,
): TicketOutcome {
  if (ticket.state !== "pending") return { ticket };
  if (isClosed) return close(ticket, at, "");
  if (version.hash === ticket.shown.hash) return { ticket };
  return { ticket: { ...ticket, shown: version, reason: "changed", detail: version.content.title }, step: {} };
}

function cancel(ticket: Ticket, event: Extract<TicketEvent, { kind: "cancelled" }>): TicketOutcome {
  const { at, by } = event;
  if (ticket.state === "cancelled") return { ticket };
  // A result that cannot be written, such as that of a removed work item, can be given up.
  if (isFinal(ticket.state) || (ticket.state === "updating" && !hasFailedStep(ticket)))
    return refuse("conflict", `${ticket.key} is ${ticket.state} and can no longer be cancelled.`);
  const cancelled: Ticket = { ...ticket, state: "cancelled", reason: "cancelled", detail: "", closedBy: by };
  return refuseClosedQuestion(ticket, event) ?? { ticket: endRun(cancelled, at), step: { by } };
}

/** A result that waits for its update stays: a person may still want it in Plane. What else was asked for does not. */
function close(ticket: Ticket, at: number, text: string): TicketOutcome {
  const { next, closedBy: _closedBy, ...rest } = ticket;
  if (ticket.state === "completed" && next) return { ticket: rest };
  if (ticket.state !== "pending" && !isActive(ticket)) return { ticket };
  return {
    ticket: endRun({ ...rest, state: "cancelled", reason: "closed_in_plane", detail: text }, at),
    step: {},
  };
}

function requestRemoval(
  ticket: Ticket,
  { at, by, force }: Extract<TicketEvent, { kind: "removal_requested" }>,
): TicketOutcome {
  if (ticket.wanted || ticket.state === "updating")
    return refuse("conflict", `${ticket.key} is ${ticket.state}: its worktree is in use.`);
  if (ticket.run === 0) return refuse("conflict", `${ticket.key} has never run and has no worktree.`);
  return {
    ticket: { ...ticket, removal: { force, at }, reason: "removal_requested", detail: "" },
    step: { by },
  };
}
