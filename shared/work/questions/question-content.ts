import { cleanLine, cleanText } from "../../clean-text.ts";
import type { Urgency } from "../../task/events.ts";
import type { KeptQuestion } from "./question-record.ts";

/** What an agent asks; `urgency` is normal when it is absent. */
export interface NewQuestion {
  text: string;
  choices?: string[] | undefined;
  urgency?: Urgency | undefined;
}

/** Limit of a question in UTF-16 units; longer ones are truncated. */
export const QUESTION_TEXT_LIMIT = 2_000;

/** Cleans a question of characters that hide or reorder text, and drops choices that are repeated or empty. */
export function toQuestionContent({
  text,
  choices = [],
  urgency = "normal",
}: NewQuestion): Pick<KeptQuestion, "text" | "choices" | "urgency"> {
  const cleanChoices = choices.map((choice) => cleanLine(choice, 100));
  return {
    text: cleanText(text, QUESTION_TEXT_LIMIT),
    choices: [...new Set(cleanChoices)].filter((choice) => choice !== ""),
    urgency,
  };
}

/** Whether two questions are the same one, asked again. */
export function isSameQuestion(
  one: Pick<KeptQuestion, "agent" | "text" | "choices">,
  other: Pick<KeptQuestion, "agent" | "text" | "choices">,
): boolean {
  const toFingerprint = ({ agent, text, choices }: typeof one) => JSON.stringify([agent, text, choices]);
  return toFingerprint(one) === toFingerprint(other);
}
