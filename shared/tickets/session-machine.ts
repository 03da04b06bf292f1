/**
 * The part of the ticket machine that concerns its session, pure: it is placed on a runner, asks and is answered, is
 * observed, fails and is started again, ends and is removed.
 */

import { changeFields } from "../omit-undefined.ts";
import type { RequestVerdict } from "../task/request.ts";
import { MINUTE, type Ms, SECOND } from "../time.ts";
import type { SessionReport } from "./exchange.ts";
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
  type At,
  type ByPerson,
  closeRequests,
  endRun,
  hasOpenPlan,
  isActive,
  isRequestOver,
  listOpen,
  refuse,
  refuseState,
  reportStep,
  type SessionInput,
  type SessionRequest,
  type Ticket,
  type TicketOutcome,
} from "./ticket.ts";

/** Facts of an observed session that may change its ticket. */
type SessionFacts = Pick<
  SessionReport,
  "run" | "round" | "state" | "started_at" | "exit" | "attention" | "applied" | "interruption"
>;

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

/** What each event of a session does to its ticket; `by` is a name for people. */
export const SESSION_TRANSITIONS = {
  placed: place,
  unplaced: unplace,
  observed: applyObservation,
  asked: ask,
  answered: answer,
  /** A rule has allowed a tool. `rule`: its id, `text`: what it says. */
  allowed_by_rule: (ticket: Ticket, { text, by }: At<{ rule: string; text: string; by: string }>) =>
    reportStep(ticket, { reason: "allowed_by_rule", detail: text }, by),
  /** The session does not wait for these any more. */
  settled: (ticket: Ticket, { at, questions }: At<{ questions: readonly string[] }>): TicketOutcome => {
    return { ticket: closeQuestions(ticket, at, ({ id }) => questions.includes(id)) };
  },
  fetched: fetchAnswer,
  released: release,
  plan_left: leavePlan,
  noticed: notice,
  typed: typeInput,
  limit_over: endLimit,
  extended: extend,
  start_requested: startNow,
};

function place(ticket: Ticket, { at, runner, plansFirst }: At<{ runner: string; plansFirst: boolean }>): TicketOutcome {
  const { state, placed = runner, retryAt = 0, plan, started } = ticket;
  if (state !== "approved" || retryAt > at || placed !== runner) return { ticket };
  // Its policy may have changed since the approval.
  const planned = plansFirst && plan === undefined && !started ? { plan: "open" as const } : {};
  const step = { state: "starting", reason: "placed", detail: runner } as const;
  return reportStep(ticket, { ...step, placed, retryAt: undefined, ...planned });
}

/** The runner stops before it has begun the session: another one may have it. */
function unplace(ticket: Ticket, { runner }: At<{ runner: string }>): TicketOutcome {
  if (ticket.state !== "starting" || ticket.started || ticket.placed !== runner) return { ticket };
  return reportStep(ticket, { state: "approved", reason: "runner_stopped", detail: runner, placed: undefined });
}

type Observation = At<{ runner: string; session: SessionFacts; minutes: number }>;

/** Applies what a runner observed of the session. What belongs to another run, round or runner changes nothing. */
function applyObservation(ticket: Ticket, event: Observation): TicketOutcome {
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
  return listOpen(ticket).reduce((typed, question) => {
    const { verdict, session } = question;
    const isLate = session.isRepeated === undefined && verdict !== undefined && at - verdict.at >= FETCH_ANSWER_MS;
    return isLate && canType(typed, question) ? typeAnswer(typed, question, getAnswer(question) ?? "") : typed;
  }, ticket);
}

/**
 * Whether what is typed now reaches the dialog of this question. Claude Code shows one dialog at a time, the one that
 * was asked first, and would read what is meant for another one as its answer.
 */
function canType(ticket: Ticket, question: SessionRequest): boolean {
  const shown = listOpen(ticket).find(hasDialog);
  return shown === undefined || shown.id === question.id;
}

/** Whether Claude Code shows a dialog for a question: of a permission or a plan, and of its question tool. */
function hasDialog({ session: { waits, call }, options }: SessionRequest): boolean {
  return (
    waits === "permission" || waits === "plan" || (waits === "input" && (call !== undefined || options.length > 0))
  );
}

/** Ends a question whose answer no request of the session fetches, and types the answer. */
function typeAnswer(ticket: Ticket, question: SessionRequest, text: string): Ticket {
  return { ...deliver(ticket, question), inputs: [...ticket.inputs, ...toInputs(question, text)] };
}

/** The answer of a question has reached the session, or is typed: it runs if it waits for no other one. */
function deliver(ticket: Ticket, question: SessionRequest): Ticket {
  return continueSession(changeCall(ticket, question, undefined));
}

/** Changes by which call of the session the answer to a question is taken. */
function changeCall(ticket: Ticket, { id, session }: SessionRequest, call: string | undefined): Ticket {
  const changes = { session: changeFields(session, { call }) };
  return { ...ticket, questions: ticket.questions.map((one) => (one.id === id ? { ...one, ...changes } : one)) };
}

/** A session that waits for nobody any more runs. */
function continueSession(ticket: Ticket): Ticket {
  const continues = ticket.state === "waiting" && ticket.wanted && listOpen(ticket).length === 0;
  return continues ? { ...ticket, state: "running" } : ticket;
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
  const questions = closeRequests(ticket.questions, at);
  return reportStep(ended, { state: "approved", failures, retryAt, reason, detail, inputs, questions });
}

/** A session ended without a completion: a person completes, resumes or cancels the ticket. */
export function waitAfterEnd(ticket: Ticket, at: Ms, reason: string, detail: string): TicketOutcome {
  const id = `${ticket.key}.${ticket.run}.e${at.toString(36)}`;
  const question = createSessionRequest(ticket, at, { waits: "ended" }, { id, text: detail });
  const questions = [...closeRequests(ticket.questions, at), question];
  const over = { wanted: false, questions, inputs: [], attention: undefined };
  return reportStep(ticket, { ...over, state: "waiting", reason, detail });
}

function run(ticket: Ticket, { at, session, minutes }: Observation): TicketOutcome {
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
function interrupt(outcome: TicketOutcome, interruption: string | undefined, at: Ms): TicketOutcome {
  const { ticket } = outcome;
  if (interruption === undefined || ticket.interruption === interruption) return outcome;
  const handled = { ...closeQuestions(ticket, at, hasDialog), interruption };
  if (listOpen(handled, "input").length > 0) return { ...outcome, ticket: handled };
  const id = interruption.replaceAll("-", "");
  return addQuestion(handled, createSessionRequest(handled, at, { waits: "input" }, { id, text: INTERRUPTED_TEXT }));
}

/** Adds a question, for whose answer the session waits. */
function addQuestion(ticket: Ticket, question: SessionRequest): TicketOutcome {
  const { session, text } = question;
  const questions = [...ticket.questions, question];
  return reportStep(ticket, { state: "waiting", reason: `asked_${session.waits}`, detail: text, questions });
}

function ask(ticket: Ticket, { question }: At<{ question: SessionRequest }>): TicketOutcome {
  if (!isActive(ticket) || ticket.questions.some(({ id }) => id === question.id)) return { ticket };
  const waiting = listOpen(ticket);
  const offered = listQuestions(question);
  const repeated = offered && waiting.find((one) => hasSameQuestions(one, offered));
  // The session has repeated its request: the newest one waits, with the answers that were given already.
  if (repeated) return { ticket: changeCall(ticket, repeated, question.id) };
  if (question.session.call !== undefined && waiting.filter(isRequest).length >= MAX_OPEN_REQUESTS)
    return refuse("rate_limited", "Too many requests of this session wait for a person already.");
  return waiting.length < MAX_QUESTIONS ? addQuestion(ticket, question) : { ticket };
}

/** Whether a question is a request of the session, also one that ended without an answer: its dialog is open. */
function isRequest(question: SessionRequest): boolean {
  return hasDialog(question) && question.session.isNotice === undefined;
}

function answer(ticket: Ticket, { at, question: id, verdict }: At<{ question: string; verdict: RequestVerdict }>) {
  const found = ticket.questions.find((one) => one.id === id);
  if (!found || found.closed)
    return refuse("conflict", "This question is closed: it was answered, or the session does not wait.");
  const question = { ...found, verdict };
  const { by } = verdict;
  const { waits, call } = question.session;
  const text = getAnswer(question) ?? "";
  const questions = ticket.questions.map((one) => (one.id === id ? question : one));
  const answered = passPlan({ ...ticket, questions }, question, text, at);
  const step = { reason: `answered_${waits}`, detail: text };
  if (waits === "ended") {
    const cleared = { failures: 0, deadline: undefined, startedAt: undefined };
    return reportStep(answered, { ...step, ...cleared, state: "approved", wanted: true }, by);
  }
  const next = findNextQuestion(question, text, at);
  if (next) return { ...addQuestion(deliver(answered, question), next), step: { by } };
  if (call !== undefined) return reportStep(answered, step, by);
  if (canType(ticket, question)) return reportStep(typeAnswer(answered, question, text), step, by);
  if (!hasDialog(question))
    return refuse("conflict", "The terminal asks for something else. Answer that first.", "terminalBusy");
  // It is typed once the earlier dialogs have their answers.
  return reportStep(changeCall(answered, question, id), step, by);
}

/** A plan that is approved is carried out. A session does not use up its time while a plan of it waits for a person. */
function passPlan(ticket: Ticket, { session, createdAt }: SessionRequest, text: string, at: Ms): Ticket {
  if (session.waits !== "plan") return ticket;
  const { deadline } = ticket;
  const next = deadline === undefined ? ticket : { ...ticket, deadline: deadline + at - createdAt };
  return text === "approve" ? { ...next, plan: "approved" } : next;
}

/** The session carries out its plan: somebody has approved it in the terminal, unless it was approved before. */
function leavePlan(ticket: Ticket, { at }: At): TicketOutcome {
  if (ticket.plan !== "open" && !hasOpenPlan(ticket)) return { ticket };
  const passed = listOpen(ticket, "plan").reduce((next, plan) => passPlan(next, plan, "approve", at), ticket);
  const left = closeQuestions({ ...passed, plan: "approved" }, at, ({ session }) => session.waits === "plan");
  return reportStep(left, { reason: "plan_left", detail: "" });
}

/** The request that waited for an answer takes it; refused when it was typed into the terminal meanwhile. */
function fetchAnswer(ticket: Ticket, { question: call }: At<{ question: string }>): TicketOutcome {
  const question = findHeldQuestion(ticket, call);
  if (!question?.verdict) return refuse("conflict", "This question has no answer to fetch.");
  return { ticket: deliver(ticket, question) };
}

/** The request that waited for an answer has ended without one. */
function release(ticket: Ticket, { question: call }: At<{ question: string }>): TicketOutcome {
  const question = findHeldQuestion(ticket, call);
  // An answer that was given just now is typed with the next observation.
  if (!question || question.verdict || question.session.isRepeated) return { ticket };
  return { ticket: changeCall(ticket, question, undefined) };
}

function notice(ticket: Ticket, { attention }: At<{ attention: string | undefined }>): TicketOutcome {
  if (!ticket.wanted || ticket.attention === attention) return { ticket };
  if (attention === undefined) return { ticket: changeFields(ticket, { attention }) };
  return reportStep(ticket, { attention, reason: "attention", detail: attention });
}

function typeInput(ticket: Ticket, { input }: At<{ input: SessionInput }>): TicketOutcome {
  if (!ticket.wanted || ticket.state === "approved") return refuseState(ticket, "no session takes input.");
  if (ticket.inputs.some(({ id }) => id === input.id)) return { ticket };
  if (ticket.inputs.length >= MAX_INPUTS)
    return refuse("conflict", "The runner has not taken the earlier inputs yet. Try again when it is connected.");
  return { ticket: { ...ticket, inputs: [...ticket.inputs, input] } };
}

/**
 * The time of the session, or the budget of its ticket, is used up; `spent`: by all its runs, in US dollars. It is
 * stopped, and a person decides how to continue.
 */
function endLimit(ticket: Ticket, event: At<{ limit: "time" } | { limit: "budget"; spent: number }>): TicketOutcome {
  const { at } = event;
  if (!ticket.wanted) return { ticket };
  // Whoever resumes it grants the budget again.
  if (event.limit === "budget") return waitAfterEnd({ ...ticket, budgetFrom: event.spent }, at, "budget_over", "");
  if (ticket.deadline === undefined || ticket.deadline > at || hasOpenPlan(ticket)) return { ticket };
  return waitAfterEnd(ticket, at, "time_over", "");
}

/** Grants more time, and the budget again where that was asked. `question`: the only one that is meant. */
function extend(ticket: Ticket, event: At<{ minutes: number; question?: string } & ByPerson>): TicketOutcome {
  const { at, minutes, question, by, where = "api" } = event;
  if (!ticket.wanted || ticket.deadline === undefined) return refuseState(ticket, "no session can be extended.");
  const isMeant = (one: SessionRequest) =>
    isAboutLimit(one) && (question === undefined ? !isRequestOver(one) : one.id === question);
  const granted = ticket.questions.filter(isMeant).reduce((sum, { session }) => sum + (session.budget ?? 0), 0);
  const isBudgetOnly = question !== undefined && granted > 0;
  const detail = isBudgetOnly ? `${granted} USD` : String(minutes);
  const deadline = isBudgetOnly ? ticket.deadline : Math.max(ticket.deadline, at) + minutes * MINUTE;
  const budget = granted > 0 ? { budgetFrom: (ticket.budgetFrom ?? 0) + granted } : {};
  const verdict = { answer: "extend", comment: detail, by, where, at };
  const questions = ticket.questions.map((one) => (isMeant(one) && !one.verdict ? { ...one, verdict } : one));
  const extended = continueSession({ ...ticket, ...budget, questions });
  return reportStep(extended, { deadline, reason: "extended", detail }, by);
}

/** Starts at once what waits for its next start, and once more what has failed, with its conversation if it has one. */
function startNow(ticket: Ticket, { by }: At<ByPerson>): TicketOutcome {
  const hasFailed = ticket.state === "failed" && ticket.approval !== undefined;
  if (!hasFailed && (ticket.state !== "approved" || ticket.retryAt === undefined))
    return refuseState(ticket, "no start of a session has failed.");
  const cleared = { retryAt: undefined, endedAt: undefined, startedAt: undefined, deadline: undefined };
  const step = { state: "approved", wanted: true, failures: 0, reason: "start_requested", detail: "" } as const;
  return reportStep(ticket, { ...step, ...cleared }, by);
}
