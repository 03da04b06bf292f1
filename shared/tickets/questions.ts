/**
 * Questions of a session that a person answers one after the other, with the keys that enter the answers into Claude
 * Code's dialog.
 */

import { omitUndefined } from "../omit-undefined.ts";
import { type NewRequest, type OfferedQuestion, type SessionWait, splitChoices } from "../task/request.ts";
import { cleanLine } from "../text.ts";
import type { Ms } from "../time.ts";
import { MAX_INPUT_LENGTH } from "./exchange.ts";
import { getTicketCliName, isAllowing, type SessionInput, type SessionRequest, type Ticket } from "./ticket.ts";

/** What a person may answer, by what the session waits for; see `describePermission` for a permission. */
const ANSWERS: Readonly<Record<Exclude<SessionWait["waits"], "permission">, readonly string[]>> = {
  plan: ["approve", "send_back", "reject"],
  input: ["answer", "complete"],
  time: ["extend", "cancel"],
  budget: ["extend", "cancel"],
  ended: ["resume", "complete", "cancel"],
};

/** Whether a question is about a limit that ends soon, which its session does not wait for. */
export function isAboutLimit({ session: { waits } }: Pick<SessionRequest, "session">): boolean {
  return waits === "time" || waits === "budget";
}

/** Creates a request of a ticket's session. Its hash is computed when it is stored, unless it has one. */
export function createSessionRequest(
  ticket: Pick<Ticket, "key" | "item" | "shown" | "run" | "approval">,
  at: Ms,
  { waits, ...session }: Omit<SessionWait, "run">,
  request: Pick<SessionRequest, "id" | "text"> & Partial<SessionRequest>,
): SessionRequest {
  const { key, item, shown, run } = ticket;
  return {
    kind: waits === "permission" || waits === "plan" ? waits : "question",
    subject: { item: item.id, key, title: shown.content.title, url: item.url },
    ...{ from: getTicketCliName(ticket), urgency: "normal", createdAt: at, reminders: 0 },
    ...{ input: [], options: [], hash: "" },
    answers: waits === "permission" ? [] : ANSWERS[waits],
    ...request,
    session: { run, waits, ...session },
  };
}

/** What a question with options shows; `series` where the session asks several questions with one call. */
export function toQuestionFields(
  questions: readonly OfferedQuestion[],
  answers: readonly string[] = [],
): (Pick<NewRequest, "text" | "options"> & Pick<SessionWait, "isMultiple" | "series">) | undefined {
  const present = questions[answers.length];
  if (!present) return undefined;
  const series = { questions: [...questions], answers: [...answers] };
  return { ...present, ...(questions.length > 1 ? { series } : {}) };
}

/**
 * Returns the question that follows an answer in the same call of the session; undefined after the last one. It has an
 * id of its own, so that a late answer to an earlier question never answers it. Its hash is computed when it is stored.
 */
export function findNextQuestion(question: SessionRequest, answer: string, at: Ms): SessionRequest | undefined {
  const { session, verdict: _verdict, ...rest } = question;
  const fields = session.series && toQuestionFields(session.series.questions, listAnswers(question, answer));
  if (!fields?.series) return undefined;
  const { text, options, series, isMultiple } = fields;
  const [first = ""] = question.id.split(".");
  return {
    ...rest,
    ...{ id: `${first}.${series.answers.length + 1}`, text, options, createdAt: at, hash: "" },
    session: { ...omitUndefined({ ...session, isMultiple }), series },
  };
}

/** Finds the question whose answer a request of the session waits for now. */
export function findHeldQuestion({ questions }: Pick<Ticket, "questions">, call: string): SessionRequest | undefined {
  return questions.find(({ session }) => session.call === call);
}

/** Lists the answers of a call of the session, the last one of which is `answer`. */
export function listAnswers({ session }: SessionRequest, answer: string): string[] {
  return [...(session.series?.answers ?? []), answer];
}

/** What a person has answered, as one text: the answer's name, or the person's own words. */
export function getAnswer({ verdict }: Pick<SessionRequest, "verdict">): string | undefined {
  return verdict?.answer === "answer" ? (verdict.comment ?? "") : verdict?.answer;
}

/** Whether a question belongs to a call of the session with these questions. */
export function hasSameQuestions(question: SessionRequest, offered: readonly OfferedQuestion[]): boolean {
  return JSON.stringify(listQuestions(question)) === JSON.stringify(offered);
}

/** Lists the questions of the call that a question belongs to; undefined for one without options. */
export function listQuestions({ text, options, session }: SessionRequest): OfferedQuestion[] | undefined {
  const { series, isMultiple } = session;
  if (series) return series.questions;
  return options.length > 0 ? [{ text, options, ...omitUndefined({ isMultiple }) }] : undefined;
}

/**
 * What the runner types for an answer. A dialog reads one key at a time, so each key is an input of its own. One with a
 * text of one's own is closed, and the session reads the answers as text.
 */
export function toInputs(question: SessionRequest, text: string): SessionInput[] {
  const { id, session, options } = question;
  // The first entry of a permission allows once, Escape denies.
  if (session.waits === "permission") return [{ id, kind: "keys", text: isAllowing(text) ? "1" : "Escape" }];
  // Its second entry approves and asks before each edit; the third one takes what should change.
  if (session.waits === "plan" && text === "approve") return [{ id, kind: "keys", text: "2" }];
  if (session.waits === "plan")
    return [
      { id: `${id}:back`, kind: "keys", text: "3" },
      { id, kind: "text", text: cleanLine(question.verdict?.comment ?? "", MAX_INPUT_LENGTH) },
    ];
  if (options.length === 0) return [{ id, kind: "text", text }];
  const offered = listQuestions(question) ?? [];
  const answers = listAnswers(question, text);
  const isDialog = session.series !== undefined || session.isMultiple === true;
  const option = options.findIndex(({ label }) => label === text);
  const keys = isDialog ? toDialogKeys(offered, answers) : option >= 0 && [`${option + 1}`];
  if (keys) return keys.map((key, i) => ({ id: isDialog ? `${id}:key${i}` : id, kind: "keys", text: key }));
  const written = session.series ? offered.map((one, i) => `${one.text} ${answers[i] ?? ""}`).join("; ") : text;
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
    const { options: offered = [], isMultiple } = questions[i] ?? {};
    const options = offered.map(({ label }) => label);
    const { chosen, rest } = splitChoices(options, answer);
    const isChoice = isMultiple ? chosen.length > 0 && rest === "" : options.includes(answer);
    if (!isChoice) return undefined;
    if (isMultiple) keys.push(...chosen.map((index) => String(index + 1)), "Right");
    else keys.push(String(options.indexOf(answer) + 1));
  }
  return [...keys, "1"];
}
