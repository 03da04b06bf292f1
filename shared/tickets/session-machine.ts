/**
 * The part of the ticket machine that concerns its session, pure: it is placed on a runner, asks and is answered, is
 * observed, fails and is started again, ends and is removed.
 */

import { type Changes, changeFields } from "../omit-undefined.ts";
import { cleanText } from "../text.ts";
import { MINUTE, type Ms, SECOND } from "../time.ts";
import { findHeldQuestion, findNextQuestion, hasSameQuestions, listQuestions, toInputs } from "./questions.ts";
import {
  type AppliedOutcome,
  endRun,
  isActive,
  isAllowing,
  isAlways,
  refuse,
  refuseClosedQuestion,
  refuseState,
  reportStep,
  type SessionFacts,
  type SessionInput,
  type Ticket,
  type TicketEvent,
  type TicketOutcome,
  type TicketQuestion,
  type Transitions,
} from "./ticket.ts";
import { isWholeInput } from "./tool-input.ts";

type SessionEventKind =
  | ("placed" | "observed" | "time_over" | "extended" | "noticed" | "typed")
  | ("asked" | "answered" | "allowed_by_rule" | "settled" | "fetched" | "released");

/**
 * Limit of requests of a session that wait for a person: 5. A session asks one at a time, its sub-agents beside it;
 * each held request reads the store twice a second, and nobody judges more at once.
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

/** What each event of a session does to its ticket. */
export const SESSION_TRANSITIONS: Transitions<SessionEventKind> = {
  placed: place,
  observed: applyObservation,
  asked: ask,
  answered: answer,
  allowed_by_rule: (ticket, { text, by }) => reportStep(ticket, { reason: "allowed_by_rule", detail: text }, by),
  settled: (ticket, { questions }) => closeQuestions(ticket, questions),
  fetched: fetchAnswer,
  released: release,
  noticed: notice,
  typed: typeInput,
  time_over: endTime,
  extended: extend,
};

function place(ticket: Ticket, { at, runner }: TicketEvent<"placed">): TicketOutcome {
  const { state, placed = runner, retryAt = 0 } = ticket;
  if (state !== "approved" || retryAt > at || placed !== runner) return { ticket };
  return reportStep(ticket, { state: "starting", reason: "placed", detail: runner, placed, retryAt: undefined });
}

/** Applies what a runner observed of the ticket's session. An observation of another run or runner changes nothing. */
function applyObservation(ticket: Ticket, event: TicketEvent<"observed">): TicketOutcome {
  const { session, runner, at } = event;
  if (session.run !== ticket.run || ticket.placed !== runner || !ticket.wanted) return { ticket };
  const current = typeLateAnswers(removeApplied(ticket, session.applied), at);
  if (session.state === "ended") return end(current, session, at);
  if (session.state === "starting" || current.state === "approved") return { ticket: current };
  return interrupt(run(current, event), session.interruption, at);
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

/** Closes a question whose answer no request of the session fetches, and types the answer. */
function typeAnswer(ticket: Ticket, question: TicketQuestion, text: string): Ticket {
  return toInputs(question, text).reduce(addInput, closeQuestions(ticket, [question.id]).ticket);
}

function changeQuestion(ticket: Ticket, question: TicketQuestion, changes: Changes<TicketQuestion>): Ticket {
  const changed = changeFields(question, changes);
  return { ...ticket, questions: ticket.questions.map((one) => (one.id === question.id ? changed : one)) };
}

/** Adds an input for the runner to type. */
function addInput(ticket: Ticket, input: SessionInput): Ticket {
  return { ...ticket, inputs: [...ticket.inputs, input] };
}

/** Removes questions; a session that waits for none of them any more runs. */
function closeQuestions(ticket: Ticket, ids: readonly string[]): { ticket: Ticket } {
  const questions = ticket.questions.filter(({ id }) => !ids.includes(id));
  if (questions.length === ticket.questions.length) return { ticket };
  const continues = ticket.state === "waiting" && ticket.wanted && questions.length === 0;
  return { ticket: { ...ticket, questions, state: continues ? "running" : ticket.state } };
}

function removeApplied(ticket: Ticket, applied: readonly string[]): Ticket {
  const inputs = ticket.inputs.filter(({ id }) => !applied.includes(id));
  return inputs.length === ticket.inputs.length ? ticket : { ...ticket, inputs };
}

/** A session that was killed, vanished or failed is started again with back-off; one that exited asks a person. */
function end(ticket: Ticket, { started_at, exit }: SessionFacts, at: Ms): TicketOutcome {
  if (ticket.endedStart === started_at) return { ticket };
  const ended: Ticket = { ...ticket, endedStart: started_at };
  const { reason = "vanished", status = 0, text: detail = "" } = exit ?? {};
  if (reason === "exited" && status === 0) return waitAfterEnd(ended, at, "exited", detail);
  const failures = ticket.failures + 1;
  if (failures >= MAX_FAILURES) return endRun(ended, at, { failures, state: "failed", reason, detail });
  const retryAt = at + Math.min(RETRY_MS * 2 ** (failures - 1), MAX_RETRY_MS);
  // Keys were meant for what this session showed; a text may be read by the next one.
  const inputs = ticket.inputs.filter(({ kind }) => kind === "text");
  return reportStep(ended, { state: "approved", failures, retryAt, reason, detail, questions: [], inputs });
}

/** A session ended without a completion: a person completes, resumes or cancels the ticket. */
function waitAfterEnd(ticket: Ticket, at: Ms, reason: string, detail: string): TicketOutcome {
  const question: TicketQuestion = { id: `ended:${ticket.run}:${at}`, kind: "ended", text: detail, at };
  const over = { wanted: false, questions: [question], inputs: [], attention: undefined };
  return reportStep(ticket, { ...over, state: "waiting", reason, detail });
}

function run(ticket: Ticket, { at, session, minutes }: TicketEvent<"observed">): AppliedOutcome {
  const { startedAt = at, deadline = at + minutes * MINUTE } = ticket;
  const isHealthy = ticket.failures > 0 && at - Date.parse(session.started_at) > HEALTHY_MS;
  const running = { ...ticket, started: true, startedAt, deadline, failures: isHealthy ? 0 : ticket.failures };
  if (ticket.state === "starting") return reportStep(running, { state: "running", reason: "started", detail: "" });
  const isSame = ticket.started && ticket.deadline !== undefined && ticket.startedAt !== undefined && !isHealthy;
  return { ticket: isSame ? ticket : running };
}

/**
 * Somebody has denied a dialog or stopped a turn in the terminal: what was asked there is over, with an answer that no
 * request has fetched, and the session waits for text.
 */
function interrupt(outcome: AppliedOutcome, interruption: string | undefined, at: Ms): TicketOutcome {
  const { ticket } = outcome;
  if (interruption === undefined || ticket.interruption === interruption) return outcome;
  const isOver = (question: TicketQuestion) => question.kind === "permission" || isRequestForInput(question);
  const ids = ticket.questions.filter(isOver).map(({ id }) => id);
  const handled = { ...closeQuestions(ticket, ids).ticket, interruption };
  if (handled.questions.some(({ kind }) => kind === "input")) return { ...outcome, ticket: handled };
  return askQuestion(handled, { id: `interrupted:${interruption}`, kind: "input", text: INTERRUPTED_TEXT, at });
}

/** Whether a question is that of the question tool, also when its request has ended: its dialog is still open. */
function isRequestForInput({ kind, held, options }: TicketQuestion): boolean {
  return kind === "input" && (held === true || options !== undefined);
}

/** Adds a question, for whose answer the session waits. */
function askQuestion(ticket: Ticket, question: TicketQuestion): AppliedOutcome {
  const questions = [...ticket.questions, question].slice(-MAX_QUESTIONS);
  return reportStep(ticket, { state: "waiting", reason: `asked_${question.kind}`, detail: question.text, questions });
}

function ask(ticket: Ticket, { question }: TicketEvent<"asked">): TicketOutcome {
  if (!isActive(ticket) || ticket.questions.some(({ id }) => id === question.id)) return { ticket };
  const offered = listQuestions(question);
  const open = offered && ticket.questions.find((one) => hasSameQuestions(one, offered));
  // The session has repeated its request: the newest one waits, with the answers that were given already.
  if (open) return { ticket: changeQuestion(ticket, open, { held: true, request: question.id }) };
  if (question.held && hasMaximumRequests(ticket))
    return refuse("rate_limited", "Too many requests of this session wait for a person already.");
  return askQuestion(ticket, question);
}

/** Also counts those whose request has ended without an answer: their dialogs are still open. */
function hasMaximumRequests({ questions }: Ticket): boolean {
  const isRequest = (question: TicketQuestion) =>
    (question.kind === "permission" && !question.isNotice) || isRequestForInput(question);
  return questions.filter(isRequest).length >= MAX_OPEN_REQUESTS;
}

function answer(ticket: Ticket, { at, by, text, question: id, hash }: TicketEvent<"answered">): TicketOutcome {
  const question = ticket.questions.find((one) => one.id === id);
  if (!question && hasAnswer(ticket, id, text)) return { ticket };
  if (!question) return refuse("conflict", "This question is closed: it was answered, or the session does not wait.");
  if (question.answer?.text === text) return { ticket };
  if (question.answer) return refuse("conflict", "It is answered already.");
  if (hash !== undefined && hash !== question.hash)
    return refuse("conflict", "The session asks for something else now. Read it again.");
  const mistake = findMistake(question, text);
  if (mistake !== undefined) return refuse("bad_request", mistake);
  const answered = recordAnswer(ticket, [id], text, by);
  const step = { reason: `answered_${question.kind}`, detail: text };
  if (question.kind === "ended") {
    const resumed = {
      state: "approved",
      wanted: true,
      failures: 0,
      deadline: undefined,
      startedAt: undefined,
    } as const;
    return reportStep(closeQuestions(answered, [id]).ticket, { ...step, ...resumed }, by);
  }
  const next = findNextQuestion(question, text, at);
  if (next) return { ...askQuestion(closeQuestions(answered, [id]).ticket, next), step: { by } };
  const taken = question.held
    ? changeQuestion(answered, question, { answer: { text, by, at } })
    : typeAnswer(answered, question, text);
  return reportStep(taken, step, by);
}

/** Says why a text cannot answer a question; undefined when it can. */
function findMistake(question: TicketQuestion, text: string): string | undefined {
  const { kind, input, rule } = question;
  if (kind === "permission" && text !== "deny" && !isAllowing(text)) return "Answer allow or deny.";
  if (kind === "permission" && isAlways(text) && rule === undefined) return "No rule covers it. Answer allow or deny.";
  if (kind === "permission" && isAllowing(text) && input && !isWholeInput(input))
    return "Its input is too long to be shown. Read it in the terminal and allow it there, or deny it.";
  if (kind === "time") return "Extend the session, complete or cancel the ticket, or let its time end.";
  return kind !== "ended" || text === "resume" ? undefined : "Answer resume; or complete or cancel the ticket.";
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

function fetchAnswer(ticket: Ticket, event: TicketEvent<"fetched">): TicketOutcome {
  const question = findHeldQuestion(ticket, event.question);
  if (!question?.answer) return refuse("conflict", "This question has no answer to fetch.");
  return closeQuestions(ticket, [question.id]);
}

function release(ticket: Ticket, event: TicketEvent<"released">): TicketOutcome {
  const question = findHeldQuestion(ticket, event.question);
  if (!question) return { ticket };
  const { answer } = question;
  if (answer) return { ticket: typeAnswer(ticket, question, answer.text) };
  return { ticket: changeQuestion(ticket, question, { held: undefined }) };
}

function notice(ticket: Ticket, { attention }: TicketEvent<"noticed">): TicketOutcome {
  if (!ticket.wanted || ticket.attention === attention) return { ticket };
  if (attention === undefined) return { ticket: changeFields(ticket, { attention }) };
  return reportStep(ticket, { attention, reason: "attention", detail: attention });
}

function typeInput(ticket: Ticket, { input }: TicketEvent<"typed">): TicketOutcome {
  if (!ticket.wanted || ticket.state === "approved") return refuseState(ticket, "no session takes input.");
  if (ticket.inputs.some(({ id }) => id === input.id)) return { ticket };
  if (ticket.inputs.length >= MAX_INPUTS)
    return refuse("conflict", "The runner has not taken the earlier inputs yet. Try again when it is connected.");
  return { ticket: addInput(ticket, input) };
}

/** The session has used its time: it is stopped, and a person decides how to continue. */
function endTime(ticket: Ticket, { at }: TicketEvent<"time_over">): TicketOutcome {
  if (!ticket.wanted || ticket.deadline === undefined || ticket.deadline > at) return { ticket };
  return waitAfterEnd(ticket, at, "time_over", "");
}

function extend(ticket: Ticket, event: TicketEvent<"extended">): TicketOutcome {
  const { at, minutes, by } = event;
  if (!ticket.wanted || ticket.deadline === undefined) return refuseState(ticket, "no session can be extended.");
  const refused = refuseClosedQuestion(ticket, event);
  if (refused) return refused;
  const detail = String(minutes);
  const deadline = Math.max(ticket.deadline, at) + minutes * MINUTE;
  const warnings = ticket.questions.filter(({ kind }) => kind === "time").map(({ id }) => id);
  const answered = closeQuestions(recordAnswer(ticket, warnings, detail, by), warnings).ticket;
  return reportStep(answered, { deadline, reason: "extended", detail }, by);
}
