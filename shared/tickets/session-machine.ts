/**
 * The part of the ticket machine that concerns its session, pure: it is placed on a runner, asks and is answered, is
 * observed, fails and is started again, ends and is removed.
 */

import { cleanText } from "../text.ts";
import { MINUTE, type Ms, SECOND } from "../time.ts";
import { findHeldQuestion, findNextQuestion, hasSameQuestions, listQuestions, toInputs } from "./questions.ts";
import {
  endRun,
  isActive,
  refuse,
  refuseClosedQuestion,
  type SessionFacts,
  type SessionInput,
  type Ticket,
  type TicketEvent,
  type TicketOutcome,
  type TicketQuestion,
} from "./ticket.ts";
import { isWholeInput } from "./tool-input.ts";

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

type AppliedOutcome = Extract<TicketOutcome, { ticket: Ticket }>;

type Observation = Extract<TicketEvent, { kind: "observed" }>;

/**
 * Limit of requests of a session that wait for a person: 5. A session asks one at a time, its sub-agents beside it; each
 * held request reads the store twice a second, and nobody judges more at once.
 */
export const MAX_OPEN_REQUESTS = 5;

/** Limit of inputs that wait for the runner: 50, so that an absent runner does not let a record grow. */
const MAX_INPUTS = 50;

/** Delay before a start is tried again: 10 s, doubled after each failure. */
const RETRY_MS: Ms = 10 * SECOND;

/** Limit of the delay between two starts: 5 min. */
const MAX_RETRY_MS: Ms = 5 * MINUTE;

/** Limit of failed starts in a row: 8, over about 20 minutes; then a person must look. */
const MAX_FAILURES = 8;

/** Time after which a session that runs counts as healthy: 10 min; its earlier failures are forgotten. */
const HEALTHY_MS: Ms = 10 * MINUTE;

/** Time for which the request of a session may take to fetch an answer: 5 s; then the answer is typed instead. */
const FETCH_ANSWER_MS: Ms = 5 * SECOND;

/** What Claude Code shows after an interruption. */
const INTERRUPTED_TEXT = "Interrupted · What should Claude do instead?";

/** Limit of open questions of a session: 20; a session asks one at a time. */
const MAX_QUESTIONS = 20;

/** Limit of a remembered answer in UTF-16 units: 1,000, what a message shows of it. */
const MAX_ANSWER_LENGTH = 1_000;

/** Number of answers that are remembered: 20, as many questions as can be open. */
const MAX_ANSWERS = 20;

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

/** Applies what a runner observed of the ticket's session. An observation of another run or runner changes nothing. */
function applyObservation(ticket: Ticket, event: Observation): TicketOutcome {
  const { session, runner, at } = event;
  if (session.run !== ticket.run || ticket.placed !== runner || !ticket.wanted) return { ticket };
  const current = typeLateAnswers(removeApplied(ticket, session.applied), at);
  if (session.state === "ended") return end(current, session, at);
  if (session.state === "starting" || current.state === "approved") return { ticket: current };
  const outcome = run(current, event);
  return "ticket" in outcome ? interrupt(outcome, session.interruption, at) : outcome;
}

/** Types the answers that no request of the session has fetched, as after a restart of Groundcrew. */
function typeLateAnswers(ticket: Ticket, at: Ms): Ticket {
  return ticket.questions.reduce(
    (typed, question) =>
      question.answer && at - question.answer.at >= FETCH_ANSWER_MS
        ? typeAnswer(typed, question, question.answer.text)
        : typed,
    ticket,
  );
}

/**
 * Closes a question whose answer no request of the session fetches, and types the answer. One that cannot be typed is
 * asked again.
 */
function typeAnswer(ticket: Ticket, question: TicketQuestion, text: string): Ticket {
  const inputs = toInputs(question, text);
  if (inputs) return inputs.reduce(addInput, closeTicketQuestions(ticket, [question.id]));
  const { held: _held, answer: _answer, ...open } = question;
  return { ...ticket, questions: ticket.questions.map((one) => (one.id === question.id ? open : one)) };
}

/** Adds an input for the runner to type. */
function addInput(ticket: Ticket, input: SessionInput): Ticket {
  return { ...ticket, inputs: [...ticket.inputs, input] };
}

/** Removes questions; a session that waits for none of them any more runs. */
function closeTicketQuestions(ticket: Ticket, ids: readonly string[]): Ticket {
  const questions = ticket.questions.filter(({ id }) => !ids.includes(id));
  const continues = ticket.state === "waiting" && ticket.wanted && questions.length === 0;
  return { ...ticket, questions, state: continues ? "running" : ticket.state };
}

function removeApplied(ticket: Ticket, applied: readonly string[]): Ticket {
  const inputs = ticket.inputs.filter(({ id }) => !applied.includes(id));
  return inputs.length === ticket.inputs.length ? ticket : { ...ticket, inputs };
}

/** A session that was killed, vanished or failed is started again with back-off; one that exited asks a person. */
function end(ticket: Ticket, { started_at, exit }: SessionFacts, at: Ms): TicketOutcome {
  if (ticket.endedStart === started_at) return { ticket };
  const ended: Ticket = { ...ticket, endedStart: started_at };
  const detail = exit?.text ?? "";
  if (exit?.reason === "exited" && (exit.status ?? 0) === 0)
    return { ticket: waitAfterEnd(ended, at, "exited", detail), step: {} };
  const failures = ticket.failures + 1;
  const reason = exit?.reason ?? "vanished";
  if (failures >= MAX_FAILURES)
    return { ticket: endRun({ ...ended, failures, state: "failed", reason, detail }, at), step: {} };
  const retryAt = at + Math.min(RETRY_MS * 2 ** (failures - 1), MAX_RETRY_MS);
  // Keys were meant for what this session showed; a text may be read by the next one.
  const inputs = ticket.inputs.filter(({ kind }) => kind === "text");
  return {
    ticket: { ...ended, state: "approved", failures, retryAt, reason, detail, questions: [], inputs },
    step: {},
  };
}

/** A session ended without a completion: a person completes, resumes or cancels the ticket. */
function waitAfterEnd(ticket: Ticket, at: Ms, reason: string, detail: string): Ticket {
  const { attention: _attention, ...rest } = ticket;
  const question: TicketQuestion = { id: `ended:${ticket.run}:${at}`, kind: "ended", text: detail, at };
  return { ...rest, state: "waiting", wanted: false, reason, detail, questions: [question], inputs: [] };
}

function run(ticket: Ticket, { at, session, minutes }: Observation): TicketOutcome {
  const deadline = ticket.deadline ?? at + minutes * MINUTE;
  const running: Ticket = { ...ticket, started: true, startedAt: ticket.startedAt ?? at, deadline };
  const isHealthy = ticket.failures > 0 && at - Date.parse(session.started_at) > HEALTHY_MS;
  const healthy = isHealthy ? { ...running, failures: 0 } : running;
  if (ticket.state === "starting")
    return { ticket: { ...healthy, state: "running", reason: "started", detail: "" }, step: {} };
  const isSame = ticket.started && ticket.deadline !== undefined && ticket.startedAt !== undefined && !isHealthy;
  return { ticket: isSame ? ticket : healthy };
}

/**
 * Somebody has denied a dialog or stopped a turn in the terminal: what was asked there is over, with an answer that no
 * request has fetched, and the session waits for text.
 */
function interrupt(outcome: AppliedOutcome, interruption: string | undefined, at: Ms): TicketOutcome {
  const { ticket } = outcome;
  if (interruption === undefined || ticket.interruption === interruption) return outcome;
  const isOver = ({ kind, held, options }: TicketQuestion) =>
    kind === "permission" || (kind === "input" && (held === true || options !== undefined));
  const ids = ticket.questions.filter(isOver).map(({ id }) => id);
  const handled = { ...closeTicketQuestions(ticket, ids), interruption };
  if (handled.questions.some(({ kind }) => kind === "input")) return { ...outcome, ticket: handled };
  return askQuestion(handled, { id: `interrupted:${interruption}`, kind: "input", text: INTERRUPTED_TEXT, at });
}

/** Adds a question, for whose answer the session waits. */
function askQuestion(ticket: Ticket, question: TicketQuestion): { ticket: Ticket; step: object } {
  const questions = [...ticket.questions, question].slice(-MAX_QUESTIONS);
  const reason = `asked_${question.kind}`;
  return { ticket: { ...ticket, state: "waiting", reason, detail: question.text, questions }, step: {} };
}

function ask(ticket: Ticket, question: TicketQuestion): TicketOutcome {
  if (!isActive(ticket) || ticket.questions.some(({ id }) => id === question.id)) return { ticket };
  const offered = listQuestions(question);
  const open = offered && ticket.questions.find((one) => hasSameQuestions(one, offered));
  if (!open) return question.held && hasMaximumRequests(ticket) ? refuseRequest() : askQuestion(ticket, question);
  // The session has repeated its request: the newest one waits, with the answers that were given already.
  const repeated: TicketQuestion = { ...open, held: true, request: question.id };
  return { ticket: { ...ticket, questions: ticket.questions.map((one) => (one === open ? repeated : one)) } };
}

/** Also counts those whose request has ended without an answer: their dialogs are still open. */
function hasMaximumRequests({ questions }: Ticket): boolean {
  const isRequest = ({ kind, isNotice, options, held }: TicketQuestion) =>
    (kind === "permission" && !isNotice) || (kind === "input" && (held === true || options !== undefined));
  return questions.filter(isRequest).length >= MAX_OPEN_REQUESTS;
}

function refuseRequest(): TicketOutcome {
  return refuse("rate_limited", "Too many requests of this session wait for a person already.");
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
  if (text === "allow" && question.input && !isWholeInput(question.input))
    return refuse(
      "bad_request",
      "Its input is too long to be shown. Read it in the terminal and allow it there, or deny it.",
    );
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

/** Whether somebody has given this answer to a question that is closed now. */
function hasAnswer({ answers = [] }: Ticket, question: string, text: string): boolean {
  const shown = cleanText(text, MAX_ANSWER_LENGTH);
  return answers.some((one) => one.question === question && one.text === shown);
}

/** Remembers who answered questions, and what. */
function recordAnswer(ticket: Ticket, questions: readonly string[], text: string, by: string): Ticket {
  const added = questions.map((question) => ({ question, text: cleanText(text, MAX_ANSWER_LENGTH), by }));
  return { ...ticket, answers: [...(ticket.answers ?? []), ...added].slice(-MAX_ANSWERS) };
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
