import { MINUTE, type Ms } from "../time.ts";
import { applyObservation } from "./apply-observation.ts";
import { toInputs } from "./question-keys.ts";
import { findHeldQuestion, findNextQuestion, hasSameQuestions, listQuestions } from "./question-series.ts";
import {
  addInput,
  askQuestion,
  closeTicketQuestions,
  hasAnswer,
  recordAnswer,
  typeAnswer,
  waitAfterEnd,
} from "./session-changes.ts";
import { isActive, type SessionInput, type Ticket, type TicketQuestion } from "./ticket.ts";
import { refuse, refuseClosedQuestion, type TicketEvent, type TicketOutcome } from "./ticket-event.ts";

type SessionEventKind =
  | "placed"
  | "observed"
  | "asked"
  | "answered"
  | "settled"
  | "fetched"
  | "released"
  | "noticed"
  | "typed"
  | "time_over"
  | "extended";
type SessionEvent = Extract<TicketEvent, { kind: SessionEventKind }>;

/** Limit of inputs that wait for the runner: 50, so that an absent runner does not let a record grow. */
const MAX_INPUTS = 50;

/** Applies an event of the session of a ticket. */
export function applySession(ticket: Ticket, event: SessionEvent): TicketOutcome {
  switch (event.kind) {
    case "placed":
      return place(ticket, event);
    case "observed":
      return applyObservation(ticket, event);
    case "asked":
      return ask(ticket, event.question);
    case "answered":
      return answer(ticket, event);
    case "settled":
      return settle(ticket, event.questions);
    case "fetched":
      return fetchAnswer(ticket, event.question);
    case "released":
      return release(ticket, event.question);
    case "noticed":
      return notice(ticket, event.attention);
    case "typed":
      return typeInput(ticket, event.input);
    case "time_over":
      return endTime(ticket, event.at);
    case "extended":
      return extend(ticket, event);
  }
}

function place(ticket: Ticket, { at, runner }: Extract<TicketEvent, { kind: "placed" }>): TicketOutcome {
  if (ticket.state !== "approved" || (ticket.retryAt ?? 0) > at) return { ticket };
  if (ticket.placed !== undefined && ticket.placed !== runner) return { ticket };
  const { retryAt: _retryAt, ...rest } = ticket;
  return { ticket: { ...rest, state: "starting", reason: "placed", detail: runner, placed: runner }, step: {} };
}

function ask(ticket: Ticket, question: TicketQuestion): TicketOutcome {
  if (!isActive(ticket) || ticket.questions.some(({ id }) => id === question.id)) return { ticket };
  const offered = listQuestions(question);
  const open = offered && ticket.questions.find((one) => hasSameQuestions(one, offered));
  if (!open) return askQuestion(ticket, question);
  // The session has repeated its request: the newest one waits, with the answers that were given already.
  const repeated: TicketQuestion = { ...open, held: true, request: question.id };
  return { ticket: { ...ticket, questions: ticket.questions.map((one) => (one === open ? repeated : one)) } };
}

function answer(ticket: Ticket, event: Extract<TicketEvent, { kind: "answered" }>): TicketOutcome {
  const { at, by, text } = event;
  const question = ticket.questions.find(({ id }) => id === event.question);
  if (!question && hasAnswer(ticket, event.question, text)) return { ticket };
  if (!question) return refuse("conflict", "This question is closed: it was answered, or the session does not wait.");
  if (question.answer)
    return question.answer.text === text ? { ticket } : refuse("conflict", "It is answered already.");
  if (question.kind === "permission" && text !== "allow" && text !== "deny")
    return refuse("bad_request", "Answer allow or deny.");
  if (question.kind === "time")
    return refuse("bad_request", "Extend the session, complete or cancel the ticket, or let its time end.");
  const step = { by };
  const answered = {
    ...recordAnswer(ticket, [question.id], text, by),
    reason: `answered_${question.kind}`,
    detail: text,
  };
  if (question.kind === "ended") {
    if (text !== "resume") return refuse("bad_request", "Answer resume; or complete or cancel the ticket.");
    const { deadline: _deadline, startedAt: _startedAt, ...rest } = closeTicketQuestions(answered, [question.id]);
    return { ticket: { ...rest, state: "approved", wanted: true, failures: 0 }, step };
  }
  if (!question.held && !toInputs(question, text))
    return refuse("bad_request", "Its dialog is open in the terminal: choose one of its answers, or answer there.");
  const next = findNextQuestion(question, text, at);
  if (next) return { ...askQuestion(closeTicketQuestions(answered, [question.id]), next), step };
  if (question.held) {
    const questions = ticket.questions.map((one) => (one === question ? { ...one, answer: { text, by, at } } : one));
    return { ticket: { ...answered, questions }, step };
  }
  return { ticket: typeAnswer(answered, question, text), step };
}

function settle(ticket: Ticket, ids: readonly string[]): TicketOutcome {
  return ticket.questions.some(({ id }) => ids.includes(id))
    ? { ticket: closeTicketQuestions(ticket, ids) }
    : { ticket };
}

function fetchAnswer(ticket: Ticket, id: string): TicketOutcome {
  const question = findHeldQuestion(ticket, id);
  if (!question?.answer) return refuse("conflict", "This question has no answer to fetch.");
  return { ticket: closeTicketQuestions(ticket, [question.id]) };
}

function release(ticket: Ticket, id: string): TicketOutcome {
  const question = findHeldQuestion(ticket, id);
  if (!question) return { ticket };
  const { held: _held, ...free } = question;
  if (!question.answer) {
    const questions = ticket.questions.map((one) => (one === question ? free : one));
    return { ticket: { ...ticket, questions } };
  }
  return { ticket: typeAnswer(ticket, question, question.answer.text) };
}

function notice(ticket: Ticket, attention: string | undefined): TicketOutcome {
  if (!ticket.wanted || ticket.attention === attention) return { ticket };
  const { attention: _attention, ...rest } = ticket;
  if (attention === undefined) return { ticket: rest };
  return { ticket: { ...rest, attention, reason: "attention", detail: attention }, step: {} };
}

function typeInput(ticket: Ticket, input: SessionInput): TicketOutcome {
  if (!ticket.wanted || ticket.state === "approved")
    return refuse("conflict", `${ticket.key} is ${ticket.state}: no session takes input.`);
  if (ticket.inputs.some(({ id }) => id === input.id)) return { ticket };
  if (ticket.inputs.length >= MAX_INPUTS)
    return refuse("conflict", "The runner has not taken the earlier inputs yet. Try again when it is connected.");
  return { ticket: addInput(ticket, input) };
}

/** The session has used its time: it is stopped, and a person decides how to continue. */
function endTime(ticket: Ticket, at: Ms): TicketOutcome {
  if (!ticket.wanted || ticket.deadline === undefined || ticket.deadline > at) return { ticket };
  return { ticket: waitAfterEnd(ticket, at, "time_over", ""), step: {} };
}

function extend(ticket: Ticket, event: Extract<TicketEvent, { kind: "extended" }>): TicketOutcome {
  const { at, minutes, by } = event;
  if (!ticket.wanted || ticket.deadline === undefined)
    return refuse("conflict", `${ticket.key} is ${ticket.state}: no session can be extended.`);
  const refused = refuseClosedQuestion(ticket, event);
  if (refused) return refused;
  const deadline = Math.max(ticket.deadline, at) + minutes * MINUTE;
  const warnings = ticket.questions.filter(({ kind }) => kind === "time").map(({ id }) => id);
  const answered = recordAnswer(ticket, warnings, String(minutes), by);
  const extended = {
    ...closeTicketQuestions(answered, warnings),
    deadline,
    reason: "extended",
    detail: String(minutes),
  };
  return { ticket: extended, step: { by } };
}
