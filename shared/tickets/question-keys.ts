import { splitChoices } from "./join-choices.ts";
import { listAnswers, listQuestions } from "./question-series.ts";
import type { OfferedQuestion, SessionInput, TicketQuestion } from "./ticket.ts";

/**
 * What the runner types for an answer; undefined for one that the dialog would not take. A dialog reads one key at a time,
 * so each key is an input of its own.
 */
export function toInputs(question: TicketQuestion, text: string): SessionInput[] | undefined {
  const { id, kind, options = [], series, isMultiple } = question;
  if (series || isMultiple)
    return toDialogKeys(listQuestions(question) ?? [], listAnswers(question, text))?.map((key, i) => ({
      id: `${id}:key${i}`,
      kind: "keys",
      text: key,
    }));
  if (options.includes(text)) return [{ id, kind: "keys", text: String(options.indexOf(text) + 1) }];
  // The first entry of a permission allows once, Escape denies.
  if (kind === "permission") return [{ id, kind: "keys", text: text === "allow" ? "1" : "Escape" }];
  return kind === "input" && options.length === 0 ? [{ id, kind: "text", text }] : undefined;
}

/**
 * The keys of the dialog of Claude Code (2.1.330) for several questions or several options: a number chooses an option and
 * goes on; where several may be chosen, numbers mark them and the right arrow goes on. After the last question the dialog
 * shows all answers, and the first entry submits them.
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
