/** What a person's own words say to a request: the same in a reply, in free text, and in a comment in Plane. Pure. */

import type { RequestDecision, RequestRecord } from "../task/request.ts";

/** An answer with the person's own words. */
export type WordsAnswer = Pick<RequestDecision, "answer" | "comment">;

/** Words that mean approval, one or several: "ok 👍". As a reason to send something back they would surprise people. */
const APPROVAL_PATTERN = /^(?:(?:ok|okay|approved?|approuver|approuvée?|👍\p{Emoji_Modifier}?|✅)[.,!\s]*)+$/iu;

/** What people call the answers that need no words of their own, in English and French. No words add a rule. */
const ANSWER_PATTERNS: Readonly<Record<string, RegExp>> = {
  allow: /^(?:y|yes|allow|oui|autoriser)[.!]*$/i,
  deny: /^(?:n|no|deny|non|interdire|refuser)[.!]*$/i,
  approve: /^(?:go on|continue|continuer)[.!]*$/i,
  reject: /^(?:reject|do not go on|rejeter|ne pas continuer)[.!]*$/i,
  extend: /^(?:extend|more time|prolonger|plus de temps)[.!]*$/i,
  cancel: /^(?:cancel|annuler)[.!]*$/i,
  resume: /^(?:resume|reprendre)[.!]*$/i,
  continue: /^(?:continue|continuer)[.!]*$/i,
  stop: /^(?:stop|arrêter|arreter)[.!]*$/i,
};

/** Whether a text says nothing but that it approves. */
export function isApproval(text: string): boolean {
  return APPROVAL_PATTERN.test(text.trim());
}

/** Whether a text is one of the choices of a request, whatever its capitals. */
export function isOption({ options }: RequestRecord, text: string): boolean {
  const wanted = text.trim().toLowerCase();
  return options.some(({ label }) => label.toLowerCase() === wanted);
}

/**
 * Returns what words say to a request. Any words answer a question, and send back what can be sent back; a word of
 * approval approves, and everything else is answered by its name. Undefined for words that say none of this.
 * @param asking a button has asked for the words: a summary, or a reason
 */
export function readWords(request: RequestRecord, text: string, asking?: boolean): WordsAnswer | undefined {
  const { kind, answers, schedule } = request;
  const comment = text.trim();
  const free = ["answer", "send_back"].find((answer) => answers.includes(answer));
  if (asking) return { answer: answers.includes("complete") ? "complete" : (free ?? "answer"), comment };
  // Recurring work has no other answers than the choices.
  if (schedule !== undefined && !isOption(request, comment)) return undefined;
  if (kind !== "question" && kind !== "agent" && isApproval(comment))
    return { answer: kind === "permission" ? "allow" : "approve" };
  if (free !== undefined) return { answer: free, comment };
  // What is not offered, as the permission of a tool that nobody sees whole, is refused where the answer is taken.
  const named = [...answers, ...(kind === "permission" ? ["allow"] : [])];
  const answer = named.find((one) => ANSWER_PATTERNS[one]?.test(comment));
  return answer === undefined ? undefined : { answer };
}
