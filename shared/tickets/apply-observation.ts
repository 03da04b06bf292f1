import { MINUTE, type Ms, SECOND } from "../time.ts";
import { askQuestion, closeTicketQuestions, typeAnswer, waitAfterEnd } from "./session-changes.ts";
import type { Ticket, TicketQuestion } from "./ticket.ts";
import { endRun, type SessionFacts, type TicketEvent, type TicketOutcome } from "./ticket-event.ts";

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

type AppliedOutcome = Extract<TicketOutcome, { ticket: Ticket }>;
type Observation = Extract<TicketEvent, { kind: "observed" }>;

/** Applies what a runner observed of the ticket's session. An observation of another run or runner changes nothing. */
export function applyObservation(ticket: Ticket, event: Observation): TicketOutcome {
  const { session, runner, at } = event;
  if (session.run !== ticket.run || ticket.placed !== runner || !ticket.wanted) return { ticket };
  const current = typeLateAnswers(removeApplied(ticket, session.applied), at);
  if (session.state === "ended") return end(current, session, at);
  if (session.state === "starting" || current.state === "approved") return { ticket: current };
  const outcome = run(current, event);
  return "ticket" in outcome ? interrupt(outcome, session.interruption, at) : outcome;
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

function removeApplied(ticket: Ticket, applied: readonly string[]): Ticket {
  const inputs = ticket.inputs.filter(({ id }) => !applied.includes(id));
  return inputs.length === ticket.inputs.length ? ticket : { ...ticket, inputs };
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
