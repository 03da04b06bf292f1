/**
 * The part of the ticket machine that concerns its session, pure: it is placed on a runner, asks and is answered, is
 * observed, fails and is started again, ends and is removed.
 */

import { type Changes, changeFields } from "../omit-undefined.ts";
import { MINUTE, type Ms, SECOND } from "../time.ts";
import {
  createSessionRequest,
  findHeldQuestion,
  findNextQuestion,
  getAnswer,
  hasSameQuestions,
  isAboutLimit,
  listQuestions,
  toInputs,
} from "./questions.ts";
import {
  type AppliedOutcome,
  closeRequests,
  endRun,
  hasOpenPlan,
  isActive,
  isRequestOver,
  refuse,
  refuseState,
  reportStep,
  type SessionFacts,
  type SessionInput,
  type SessionRequest,
  type Ticket,
  type TicketEvent,
  type TicketOutcome,
  type Transitions,
} from "./ticket.ts";

type SessionEventKind =
  | ("placed" | "unplaced" | "observed" | "limit_over" | "extended" | "start_requested" | "noticed" | "typed")
  | ("asked" | "answered" | "allowed_by_rule" | "settled" | "fetched" | "released" | "plan_left");

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

/** What a session asks after an interruption. */
const INTERRUPTED_TEXT = "Interrupted · What should be done instead?";

/** Limit of open questions of a session: 20; a session asks one at a time. */
const MAX_QUESTIONS = 20;

/** What each event of a session does to its ticket. */
export const SESSION_TRANSITIONS: Transitions<SessionEventKind> = {
  placed: place,
  unplaced: unplace,
  observed: applyObservation,
  asked: ask,
  answered: answer,
  allowed_by_rule: (ticket, { text, by }) => reportStep(ticket, { reason: "allowed_by_rule", detail: text }, by),
  settled: (ticket, { at, questions }) => ({ ticket: closeQuestions(ticket, at, ({ id }) => questions.includes(id)) }),
  fetched: fetchAnswer,
  released: release,
  plan_left: leavePlan,
  noticed: notice,
  typed: typeInput,
  limit_over: endLimit,
  extended: extend,
  start_requested: startNow,
};

function place(ticket: Ticket, { at, runner, plansFirst }: TicketEvent<"placed">): TicketOutcome {
  const { state, placed = runner, retryAt = 0, plan, started } = ticket;
  if (state !== "approved" || retryAt > at || placed !== runner) return { ticket };
  // Its policy may have changed since the approval.
  const planned = plansFirst && plan === undefined && !started ? { plan: "open" as const } : {};
  return reportStep(ticket, {
    state: "starting",
    reason: "placed",
    detail: runner,
    placed,
    retryAt: undefined,
    ...planned,
  });
}

function unplace(ticket: Ticket, { runner }: TicketEvent<"unplaced">): TicketOutcome {
  if (ticket.state !== "starting" || ticket.started || ticket.placed !== runner) return { ticket };
  return reportStep(ticket, { state: "approved", reason: "runner_stopped", detail: runner, placed: undefined });
}

/** Applies what a runner observed of the ticket's session. An observation of another run, round or runner changes nothing. */
function applyObservation(ticket: Ticket, event: TicketEvent<"observed">): TicketOutcome {
  const { session, runner, at } = event;
  if (session.run !== ticket.run || session.round !== ticket.round) return { ticket };
  if (ticket.placed !== runner || !ticket.wanted) return { ticket };
  const current = typeLateAnswers(removeApplied(ticket, session.applied), at);
  if (session.state === "ended") return end(current, session, at);
  if (session.state === "starting" || current.state === "approved") return { ticket: current };
  return interrupt(run(current, event), session.interruption, at);
}

/**
 * Types the answers that no request of the session has fetched, as after a restart of Groundcrew, and those that waited
 * for an earlier dialog.
 */
function typeLateAnswers(ticket: Ticket, at: Ms): Ticket {
  return ticket.questions.reduce((typed, question) => {
    const { verdict } = question;
    const isTyped = !isRequestOver(question) && question.session.isRepeated === undefined;
    const isLate = isTyped && verdict !== undefined && at - verdict.at >= FETCH_ANSWER_MS;
    return isLate && canType(typed, question) ? typeAnswer(typed, question, getAnswer(question) ?? "") : typed;
  }, ticket);
}

/**
 * Whether what is typed now reaches the dialog of this question. Claude Code shows one dialog at a time, the one that was
 * asked first, and would read what is meant for another one as its answer.
 */
function canType({ questions }: Ticket, question: SessionRequest): boolean {
  const isDialog = hasDialog(question);
  return !questions.some(
    (other) =>
      other.id !== question.id &&
      !isRequestOver(other) &&
      hasDialog(other) &&
      (!isDialog ||
        other.createdAt < question.createdAt ||
        (other.createdAt === question.createdAt && other.id < question.id)),
  );
}

/** Whether Claude Code shows a dialog for a question: of a permission or a plan, and of its question tool. */
function hasDialog({ session, options }: SessionRequest): boolean {
  return (
    session.waits === "permission" ||
    session.waits === "plan" ||
    (session.waits === "input" && (session.call !== undefined || options.length > 0))
  );
}

/** Ends a question whose answer no request of the session fetches, and types the answer. */
function typeAnswer(ticket: Ticket, question: SessionRequest, text: string): Ticket {
  return toInputs(question, text).reduce(addInput, deliver(ticket, question));
}

/** The answer of a question has reached the session, or is typed: it runs if it waits for no other one. */
function deliver(ticket: Ticket, question: SessionRequest): Ticket {
  return continueSession(
    changeQuestion(ticket, question, { session: changeFields(question.session, { call: undefined }) }),
  );
}

function changeQuestion(ticket: Ticket, { id }: SessionRequest, changes: Changes<SessionRequest>): Ticket {
  return { ...ticket, questions: ticket.questions.map((one) => (one.id === id ? changeFields(one, changes) : one)) };
}

/** A session that waits for nobody any more runs. */
function continueSession(ticket: Ticket): Ticket {
  const continues = ticket.state === "waiting" && ticket.wanted && ticket.questions.every(isRequestOver);
  return continues ? { ...ticket, state: "running" } : ticket;
}

/** Adds an input for the runner to type. */
function addInput(ticket: Ticket, input: SessionInput): Ticket {
  return { ...ticket, inputs: [...ticket.inputs, input] };
}

/** Closes questions that nobody has to answer any more. */
function closeQuestions(ticket: Ticket, at: Ms, isMeant: (question: SessionRequest) => boolean): Ticket {
  const questions = closeRequests(ticket.questions, at, isMeant);
  const isSame = questions.every((question, i) => question === ticket.questions[i]);
  return isSame ? ticket : continueSession({ ...ticket, questions });
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
  const inputs = ticket.inputs.filter(({ kind }) => kind === "text" || kind === "paste");
  return reportStep(ended, {
    ...{ state: "approved", failures, retryAt, reason, detail, inputs },
    questions: closeRequests(ticket.questions, at),
  });
}

/** A session ended without a completion: a person completes, resumes or cancels the ticket. */
export function waitAfterEnd(ticket: Ticket, at: Ms, reason: string, detail: string): AppliedOutcome {
  const id = `${ticket.key}.${ticket.run}.e${at.toString(36)}`;
  const question = createSessionRequest(ticket, at, { waits: "ended" }, { id, text: detail });
  const questions = [...closeRequests(ticket.questions, at), question];
  const over = { wanted: false, questions, inputs: [], attention: undefined };
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
  const handled = { ...closeQuestions(ticket, at, hasDialog), interruption };
  if (handled.questions.some((one) => !isRequestOver(one) && one.session.waits === "input"))
    return { ...outcome, ticket: handled };
  const id = interruption.replaceAll("-", "");
  return askQuestion(handled, createSessionRequest(handled, at, { waits: "input" }, { id, text: INTERRUPTED_TEXT }));
}

/** Adds a question, for whose answer the session waits. */
function askQuestion(ticket: Ticket, question: SessionRequest): AppliedOutcome {
  const { session, text } = question;
  const questions = [...ticket.questions, question];
  return reportStep(ticket, { state: "waiting", reason: `asked_${session.waits}`, detail: text, questions });
}

function ask(ticket: Ticket, { question }: TicketEvent<"asked">): TicketOutcome {
  if (!isActive(ticket) || ticket.questions.some(({ id }) => id === question.id)) return { ticket };
  const offered = listQuestions(question);
  const open = offered && ticket.questions.find((one) => !isRequestOver(one) && hasSameQuestions(one, offered));
  // The session has repeated its request: the newest one waits, with the answers that were given already.
  if (open) return { ticket: changeQuestion(ticket, open, { session: { ...open.session, call: question.id } }) };
  const waiting = ticket.questions.filter((one) => !isRequestOver(one));
  if (question.session.call !== undefined && waiting.filter(isRequest).length >= MAX_OPEN_REQUESTS)
    return refuse("rate_limited", "Too many requests of this session wait for a person already.");
  return waiting.length < MAX_QUESTIONS ? askQuestion(ticket, question) : { ticket };
}

/** Whether a question is a request of the session, also one that ended without an answer: its dialog is open. */
function isRequest(question: SessionRequest): boolean {
  return hasDialog(question) && question.session.isNotice === undefined;
}

function answer(ticket: Ticket, { at, question: id, verdict }: TicketEvent<"answered">): TicketOutcome {
  const found = ticket.questions.find((one) => one.id === id);
  if (!found || found.closed)
    return refuse("conflict", "This question is closed: it was answered, or the session does not wait.");
  const question = { ...found, verdict };
  const { by } = verdict;
  const { waits } = question.session;
  const text = getAnswer(question) ?? "";
  const answered = passPlan(changeQuestion(ticket, question, { verdict }), question, text, at);
  const step = { reason: `answered_${waits}`, detail: text };
  if (waits === "ended") {
    const cleared = { failures: 0, deadline: undefined, startedAt: undefined };
    return reportStep(answered, { ...step, ...cleared, state: "approved", wanted: true }, by);
  }
  const next = findNextQuestion(question, text, at);
  if (next) return { ...askQuestion(deliver(answered, question), next), step: { by } };
  if (question.session.call !== undefined) return reportStep(answered, step, by);
  if (canType(ticket, question)) return reportStep(typeAnswer(answered, question, text), step, by);
  if (!hasDialog(question))
    return refuse("conflict", "The terminal asks for something else. Answer that first.", "terminalBusy");
  // It is typed once the earlier dialogs have their answers.
  return reportStep(changeQuestion(answered, question, { session: { ...question.session, call: id } }), step, by);
}

/** A plan that is approved is carried out. A session does not use up its time while a plan of it waits for a person. */
function passPlan(ticket: Ticket, { session, createdAt }: SessionRequest, text: string, at: Ms): Ticket {
  if (session.waits !== "plan") return ticket;
  const { deadline } = ticket;
  const next = deadline === undefined ? ticket : { ...ticket, deadline: deadline + at - createdAt };
  return text === "approve" ? { ...next, plan: "approved" } : next;
}

/** Somebody has approved the plan in the terminal, unless it was approved before. */
function leavePlan(ticket: Ticket, { at }: TicketEvent<"plan_left">): TicketOutcome {
  if (ticket.plan !== "open" && !hasOpenPlan(ticket)) return { ticket };
  const plans = ticket.questions.filter((one) => one.session.waits === "plan" && !isRequestOver(one));
  const passed = plans.reduce((next, plan) => passPlan(next, plan, "approve", at), ticket);
  const left = closeQuestions({ ...passed, plan: "approved" }, at, ({ session }) => session.waits === "plan");
  return reportStep(left, { reason: "plan_left", detail: "" });
}

function fetchAnswer(ticket: Ticket, event: TicketEvent<"fetched">): TicketOutcome {
  const question = findHeldQuestion(ticket, event.question);
  if (!question?.verdict) return refuse("conflict", "This question has no answer to fetch.");
  return { ticket: deliver(ticket, question) };
}

function release(ticket: Ticket, event: TicketEvent<"released">): TicketOutcome {
  const question = findHeldQuestion(ticket, event.question);
  // An answer that was given just now is typed with the next observation.
  if (!question || question.verdict || question.session.isRepeated) return { ticket };
  return { ticket: changeQuestion(ticket, question, { session: changeFields(question.session, { call: undefined }) }) };
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

/** The session has used its time or budget: it is stopped, and a person decides how to continue. */
function endLimit(ticket: Ticket, event: TicketEvent<"limit_over">): TicketOutcome {
  const { at, limit } = event;
  if (!ticket.wanted) return { ticket };
  // Whoever resumes it grants the budget again.
  if (limit === "budget") return waitAfterEnd({ ...ticket, budgetFrom: event.spent }, at, "budget_over", "");
  if (ticket.deadline === undefined || ticket.deadline > at || hasOpenPlan(ticket)) return { ticket };
  return waitAfterEnd(ticket, at, "time_over", "");
}

/** Grants more time, and the budget again where that was asked. */
function extend(ticket: Ticket, event: TicketEvent<"extended">): TicketOutcome {
  const { at, minutes, question, by, where = "api" } = event;
  if (!ticket.wanted || ticket.deadline === undefined) return refuseState(ticket, "no session can be extended.");
  const isMeant = (one: SessionRequest) =>
    isAboutLimit(one) && (question === undefined ? !isRequestOver(one) : one.id === question);
  const meant = ticket.questions.filter(isMeant);
  const granted = meant.reduce((sum, { session }) => sum + (session.budget ?? 0), 0);
  const isBudgetOnly = question !== undefined && granted > 0;
  const detail = isBudgetOnly ? `${granted} USD` : String(minutes);
  const deadline = isBudgetOnly ? ticket.deadline : Math.max(ticket.deadline, at) + minutes * MINUTE;
  const budget = granted > 0 ? { budgetFrom: (ticket.budgetFrom ?? 0) + granted } : {};
  const verdict = { answer: "extend", comment: detail, by, where, at };
  const answered = ticket.questions.map(
    (one): SessionRequest => (isMeant(one) && !one.verdict ? { ...one, verdict } : one),
  );
  const extended = continueSession({ ...ticket, ...budget, questions: answered });
  return reportStep(extended, { deadline, reason: "extended", detail }, by);
}

/** Starts at once what waits for its next start, and once more what has failed, with its conversation if it has one. */
function startNow(ticket: Ticket, { by }: TicketEvent<"start_requested">): TicketOutcome {
  const hasFailed = ticket.state === "failed" && ticket.approval !== undefined;
  if (!hasFailed && (ticket.state !== "approved" || ticket.retryAt === undefined))
    return refuseState(ticket, "no start of a session has failed.");
  const cleared = { retryAt: undefined, endedAt: undefined, startedAt: undefined, deadline: undefined };
  const step = { state: "approved", wanted: true, failures: 0, reason: "start_requested", detail: "" } as const;
  return reportStep(ticket, { ...step, ...cleared }, by);
}
