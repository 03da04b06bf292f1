import { isActive, type Ticket, type TicketUpdate } from "./ticket.ts";
import { endRun, refuse, refuseClosedQuestion, type TicketEvent, type TicketOutcome } from "./ticket-event.ts";

type ResultEvent = Extract<TicketEvent, { kind: "completed" | "update_requested" | "update_step" }>;

/** Applies an event about the result of a run: its completion, and the update of Plane. */
export function applyResult(ticket: Ticket, event: ResultEvent): TicketOutcome {
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
    const retried: TicketUpdate = { ...update, comment: reopen(update.comment), state: reopen(update.state) };
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

function reopen(step: TicketUpdate["comment"]): TicketUpdate["comment"] {
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
