import { cleanText } from "../clean-text.ts";
import type { Ms } from "../time.ts";
import { toInputs } from "./question-keys.ts";
import type { SessionInput, Ticket, TicketQuestion } from "./ticket.ts";

/**
 * Closes a question whose answer no request of the session fetches, and types the answer. One that cannot be typed is
 * asked again.
 */
export function typeAnswer(ticket: Ticket, question: TicketQuestion, text: string): Ticket {
  const inputs = toInputs(question, text);
  if (inputs) return inputs.reduce(addInput, closeTicketQuestions(ticket, [question.id]));
  const { held: _held, answer: _answer, ...open } = question;
  return { ...ticket, questions: ticket.questions.map((one) => (one.id === question.id ? open : one)) };
}

/** A session ended without a completion: a person completes, resumes or cancels the ticket. */
export function waitAfterEnd(ticket: Ticket, at: Ms, reason: string, detail: string): Ticket {
  const { attention: _attention, ...rest } = ticket;
  const question: TicketQuestion = { id: `ended:${ticket.run}:${at}`, kind: "ended", text: detail, at };
  return { ...rest, state: "waiting", wanted: false, reason, detail, questions: [question], inputs: [] };
}

/** Limit of open questions of a session: 20; a session asks one at a time. */
const MAX_QUESTIONS = 20;

/** Adds a question, for whose answer the session waits. */
export function askQuestion(ticket: Ticket, question: TicketQuestion): { ticket: Ticket; step: object } {
  const questions = [...ticket.questions, question].slice(-MAX_QUESTIONS);
  const reason = `asked_${question.kind}`;
  return { ticket: { ...ticket, state: "waiting", reason, detail: question.text, questions }, step: {} };
}

/** Removes questions; a session that waits for none of them any more runs. */
export function closeTicketQuestions(ticket: Ticket, ids: readonly string[]): Ticket {
  const questions = ticket.questions.filter(({ id }) => !ids.includes(id));
  const continues = ticket.state === "waiting" && ticket.wanted && questions.length === 0;
  return { ...ticket, questions, state: continues ? "running" : ticket.state };
}

/** Limit of a remembered answer in UTF-16 units: 1,000, what a message shows of it. */
const MAX_ANSWER_LENGTH = 1_000;
/** Number of answers that are remembered: 20, as many questions as can be open. */
const MAX_ANSWERS = 20;

/** Remembers who answered questions, and what. */
export function recordAnswer(ticket: Ticket, questions: readonly string[], text: string, by: string): Ticket {
  const added = questions.map((question) => ({ question, text: cleanText(text, MAX_ANSWER_LENGTH), by }));
  return { ...ticket, answers: [...(ticket.answers ?? []), ...added].slice(-MAX_ANSWERS) };
}

/** Whether somebody has given this answer to a question that is closed now. */
export function hasAnswer({ answers = [] }: Ticket, question: string, text: string): boolean {
  const shown = cleanText(text, MAX_ANSWER_LENGTH);
  return answers.some((one) => one.question === question && one.text === shown);
}

/** Adds an input for the runner to type. */
export function addInput(ticket: Ticket, input: SessionInput): Ticket {
  return { ...ticket, inputs: [...ticket.inputs, input] };
}
