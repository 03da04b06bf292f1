/**
 * The state machine of tickets, pure: an event and a ticket give the changed ticket or a refusal. Here are requests,
 * people's decisions, and the result with its update of Plane; session-machine.ts has what happens in a session.
 */

import { applySession } from "./session-machine.ts";
import {
  clearRun,
  endRun,
  hasFailedStep,
  isActive,
  isFinal,
  refuse,
  refuseClosedQuestion,
  type Ticket,
  type TicketEvent,
  type TicketOutcome,
  type TicketUpdate,
} from "./ticket.ts";

type DecisionKind = "approved" | "rejected" | "reread" | "cancelled" | "closed_in_plane" | "removal_requested";

type DecisionEvent = Extract<TicketEvent, { kind: DecisionKind }>;

type ResultEvent = Extract<TicketEvent, { kind: "completed" | "update_requested" | "update_step" }>;

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
  const ticket = previous && reopenTicket(previous);
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
function reopenTicket({ closedByUpdate: _closedByUpdate, ...ticket }: Ticket): Ticket {
  return ticket;
}

/** Applies a decision of a person, or of Plane: approve, reject, close, cancel. */
function applyDecision(ticket: Ticket, event: DecisionEvent): TicketOutcome {
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

function cancel(ticket: Ticket, event: Extract<TicketEvent, { kind: "cancelled" }>): TicketOutcome {
  const { at, by } = event;
  if (ticket.state === "cancelled") return { ticket };
  // A result that cannot be written, such as that of a removed work item, can be given up.
  if (isFinal(ticket.state) || (ticket.state === "updating" && !hasFailedStep(ticket)))
    return refuse("conflict", `${ticket.key} is ${ticket.state} and can no longer be cancelled.`);
  const cancelled: Ticket = { ...ticket, state: "cancelled", reason: "cancelled", detail: "", closedBy: by };
  return refuseClosedQuestion(ticket, event) ?? { ticket: endRun(cancelled, at), step: { by } };
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

/** Applies an event about the result of a run: its completion, and the update of Plane. */
function applyResult(ticket: Ticket, event: ResultEvent): TicketOutcome {
  switch (event.kind) {
    case "completed":
      return complete(ticket, event);
    case "update_requested":
      return requestUpdate(ticket, event);
    case "update_step":
      return recordUpdateStep(ticket, event);
  }
}

/** The first completion of a run counts. The session is not wanted any more. */
function complete(ticket: Ticket, event: Extract<TicketEvent, { kind: "completed" }>): TicketOutcome {
  const { at, summary, source, by } = event;
  if (ticket.completion) return { ticket };
  if (!isActive(ticket)) return refuse("conflict", `${ticket.key} is ${ticket.state}: no session runs.`);
  if (summary.trim() === "") return refuse("bad_request", "The summary is empty. Say what was done.");
  const refused = refuseClosedQuestion(ticket, event);
  if (refused) return refused;
  const { attention: _attention, retryAt: _retryAt, ...rest } = ticket;
  return {
    ticket: {
      ...rest,
      state: "completed",
      reason: `completed_${source}`,
      detail: "",
      wanted: false,
      questions: [],
      inputs: [],
      completion: { summary, source, at },
    },
    step: { by },
  };
}

/** Approves the update, with the summary that the comment will contain. A repeat tries only failed steps again. */
function requestUpdate(
  ticket: Ticket,
  { at, by, summary, inQueue, isRetry }: Extract<TicketEvent, { kind: "update_requested" }>,
): TicketOutcome {
  const { completion, update } = ticket;
  const startUpdate = inQueue ? "by_queue" : "by_caller";
  if (update?.comment === "done" && update.state === "done") return { ticket };
  if (ticket.state === "updating" && update) {
    const retried: TicketUpdate = { ...update, comment: reopenStep(update.comment), state: reopenStep(update.state) };
    const isSame = retried.comment === update.comment && retried.state === update.state;
    if (isSame) return { ticket };
    // The job of a retry exists already: another one for each retry would multiply them.
    return { ticket: { ...ticket, update: retried }, ...(isRetry ? {} : { startUpdate }) };
  }
  if (ticket.state !== "completed" || !completion)
    return refuse("conflict", `${ticket.key} is ${ticket.state}: only a completed ticket can be written to Plane.`);
  const text = summary ?? completion.summary;
  if (text.trim() === "") return refuse("bad_request", "The summary is empty. Say what was done.");
  return {
    ticket: {
      ...ticket,
      state: "updating",
      reason: "update_approved",
      detail: "",
      completion: { ...completion, summary: text },
      update: { by, at, comment: "open", state: "open" },
    },
    step: { by },
    startUpdate,
  };
}

function reopenStep(step: TicketUpdate["comment"]): TicketUpdate["comment"] {
  return step === "failed" ? "open" : step;
}

/** A step that is done stays done. When both are, so is the ticket, and its clean worktree may be removed. */
function recordUpdateStep(
  ticket: Ticket,
  { at, step, done, comment, problem }: Extract<TicketEvent, { kind: "update_step" }>,
): TicketOutcome {
  const { update } = ticket;
  if (ticket.state !== "updating" || !update || update[step] === "done") return { ticket };
  const { problem: _problem, ...rest } = update;
  const next: TicketUpdate = {
    ...rest,
    [step]: done ? "done" : "failed",
    ...(comment === undefined ? {} : { commentId: comment }),
    ...(problem === undefined ? {} : { problem }),
  };
  if (next.comment === "done" && next.state === "done") {
    const finished: Ticket = {
      ...ticket,
      state: "done",
      reason: "updated",
      detail: "",
      update: next,
      removal: { force: false, at },
      closedByUpdate: true,
    };
    return { ticket: endRun(finished, at), step: {} };
  }
  if (done) return { ticket: { ...ticket, update: next } };
  return { ticket: { ...ticket, update: next, reason: `failed_${step}`, detail: problem ?? "" }, step: {} };
}
