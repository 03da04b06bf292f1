/**
 * Questions of a session that a person answers one after the other, with the keys that enter the answers into Claude
 * Code's dialog.
 */

import { omitUndefined } from "../omit-undefined.ts";
import type { Ms } from "../time.ts";
import { isAllowing, type OfferedQuestion, type SessionInput, type Ticket, type TicketQuestion } from "./ticket.ts";

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
 * Returns the question that follows an answer in the same call of the session; undefined after the last one. It has an
 * id of its own, so that a late answer to an earlier question never answers it.
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
export function listQuestions(question: TicketQuestion): OfferedQuestion[] | undefined {
  const { text, options, descriptions, isMultiple, series } = question;
  if (series) return series.questions;
  return options && [{ text, options, ...omitUndefined({ descriptions, isMultiple }) }];
}

/**
 * What the runner types for an answer. A dialog reads one key at a time, so each key is an input of its own. One with a
 * text of one's own is closed, and the session reads the answers as text.
 */
export function toInputs(question: TicketQuestion, text: string): SessionInput[] {
  const { id, kind, options = [], series, isMultiple } = question;
  // The first entry of a permission allows once, Escape denies.
  if (kind === "permission") return [{ id, kind: "keys", text: isAllowing(text) ? "1" : "Escape" }];
  if (options.length === 0) return [{ id, kind: "text", text }];
  const offered = listQuestions(question) ?? [];
  const answers = listAnswers(question, text);
  const isDialog = series !== undefined || isMultiple === true;
  const keys = isDialog ? toDialogKeys(offered, answers) : options.includes(text) && [`${options.indexOf(text) + 1}`];
  if (keys) return keys.map((key, i) => ({ id: isDialog ? `${id}:key${i}` : id, kind: "keys", text: key }));
  const written = series ? offered.map((one, i) => `${one.text} ${answers[i] ?? ""}`).join("; ") : text;
  return [
    { id: `${id}:close`, kind: "keys", text: "Escape" },
    { id, kind: "text", text: written },
  ];
}

/**
 * The keys of the dialog of Claude Code (2.1.330) for several questions or several options: a number chooses an option
 * and goes on; where several may be chosen, numbers mark them and the right arrow goes on. After the last question the
 * dialog shows all answers, and the first entry submits them.
 */
function toDialogKeys(questions: readonly OfferedQuestion[], answers: readonly string[]): string[] | undefined {
  const keys: string[] = [];
  for (const [i, answer] of answers.entries()) {
    const { options = [], isMultiple } = questions[i] ?? {};
    const { chosen, rest } = splitChoices(options, answer);
    const isChoice = isMultiple ? chosen.length > 0 && rest === "" : options.includes(answer);
    if (!isChoice) return undefined;
    if (isMultiple) keys.push(...chosen.map((index) => String(index + 1)), "Right");
    else keys.push(String(options.indexOf(answer) + 1));
  }
  return [...keys, "1"];
}

/**
 * Joins chosen options to one answer as Claude Code does (2.1.330): separated by commas, those that contain a separator
 * or a quote as JSON strings. The page joins in the same way, in `ticket-choices.js`.
 */
export function joinChoices(labels: readonly string[]): string {
  return labels.map(quoteChoice).join(", ");
}

function quoteChoice(label: string): string {
  return label.includes(", ") || label.includes('"') ? JSON.stringify(label) : label;
}

/**
 * Finds the options at the beginning of an answer that `joinChoices` has made, in the order of the options. `rest` is
 * what a person has written besides.
 */
export function splitChoices(options: readonly string[], answer: string): { chosen: number[]; rest: string } {
  // A label may begin with another one, so the longest that fits counts.
  const labels = options.map((label, index) => ({ index, text: quoteChoice(label) }));
  labels.sort((a, b) => b.text.length - a.text.length);
  const chosen = new Set<number>();
  let rest = answer.trim();
  while (rest !== "") {
    const found = labels.find(({ text }) => rest === text || rest.startsWith(`${text}, `));
    if (!found) break;
    chosen.add(found.index);
    rest = rest.slice(found.text.length + 2).trim();
  }
  return { chosen: [...chosen].sort((a, b) => a - b), rest };
}
