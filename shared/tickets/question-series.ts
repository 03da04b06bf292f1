import { omitUndefined } from "../omit-undefined.ts";
import type { Ms } from "../time.ts";
import type { OfferedQuestion, Ticket, TicketQuestion } from "./ticket.ts";

/** What a question with options shows; `series` where the session asks several questions with one call. */
export function toQuestionFields(
  questions: readonly OfferedQuestion[],
  answers: readonly string[] = [],
): (OfferedQuestion & Pick<TicketQuestion, "series">) | undefined {
  const present = questions[answers.length];
  if (!present) return undefined;
  return {
    ...present,
    ...(questions.length > 1 ? { series: { questions: [...questions], answers: [...answers] } } : {}),
  };
}

/**
 * Returns the question that follows an answer in the same call of the session; undefined after the last one. It has an id
 * of its own, so that a late answer to an earlier question never answers it.
 */
export function findNextQuestion(question: TicketQuestion, answer: string, at: Ms): TicketQuestion | undefined {
  const { id, held, request = id, series } = question;
  const fields = series && toQuestionFields(series.questions, [...series.answers, answer]);
  if (!fields?.series) return undefined;
  const part = fields.series.answers.length + 1;
  return { id: `${request}:${part}:${at}`, kind: "input", at, ...fields, ...omitUndefined({ held }), request };
}

/** Finds the question whose answer a request of the session waits for now. */
export function findHeldQuestion(
  { questions }: Pick<Ticket, "questions">,
  request: string,
): TicketQuestion | undefined {
  return questions.find(({ id, held, request: waiting = id }) => held && waiting === request);
}

/** Lists the answers of a call of the session, the last one of which is `answer`. */
export function listAnswers({ series }: TicketQuestion, answer: string): string[] {
  return [...(series?.answers ?? []), answer];
}

/** Whether a question belongs to a call of the session with these questions. */
export function hasSameQuestions(question: TicketQuestion, offered: readonly OfferedQuestion[]): boolean {
  return JSON.stringify(listQuestions(question)) === JSON.stringify(offered);
}

/** Lists the questions of the call that a question belongs to; undefined for one without options. */
export function listQuestions({ text, options, isMultiple, series }: TicketQuestion): OfferedQuestion[] | undefined {
  if (series) return series.questions;
  return options && [{ text, options, ...omitUndefined({ isMultiple }) }];
}
