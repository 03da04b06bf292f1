import { type Answer, type PermissionRequest, waitForDecision } from "./ask-permission.ts";

interface Question {
  question: string;
  multiSelect?: boolean;
  options: { label: string }[];
}
/** The input of the question tool. */
export interface Questions {
  questions: Question[];
}
type Answers = Record<string, string>;

/** What the right arrow sends, in both modes of a terminal. */
const RIGHT = ["\u001b[C", "\u001bOC"];

/** The dialog of the question tool, as the recorded one: all its questions, one of which is shown first. */
export function renderQuestionDialog({ questions: [first] }: Questions): string {
  const entries = first?.options.map(({ label }, i) => `${i + 1}. ${first.multiSelect ? "[ ] " : ""}${label}`) ?? [];
  return `${first?.question}\n\n❯ ${entries.join("\n  ")}\n\nEnter to select · ↑/↓ to navigate · Esc to cancel`;
}

/**
 * Waits for the answers to questions: of the hook, or of keys in the dialog, whichever comes first. `interrupt`: somebody
 * has left the dialog, which ends the turn.
 */
export function askQuestions(request: PermissionRequest, { questions }: Questions): Promise<Answers | "interrupt"> {
  return waitForDecision(
    request,
    (keyboard, signal) => readAnswers((own) => keyboard.readKey(own), questions, signal),
    (answer) => parseAnswers(answer),
  );
}

/**
 * A number chooses an option and goes on; where several may be chosen, it marks one, and the right arrow goes on. Several
 * questions or options are submitted by the first entry after the last one. Keys that arrive together are no key.
 */
async function readAnswers(
  readKey: (signal: AbortSignal) => Promise<string | undefined>,
  questions: readonly Question[],
  signal: AbortSignal,
): Promise<Answers | "interrupt"> {
  const answers: Answers = {};
  for (const { question, multiSelect, options } of questions) {
    const chosen = new Set<string>();
    for (;;) {
      const key = (await readKey(signal)) ?? "\u001b";
      if (key === "\u001b") return "interrupt";
      const label = /^\d$/.test(key) ? options[Number(key) - 1]?.label : undefined;
      if (label !== undefined && !chosen.delete(label)) chosen.add(label);
      if (multiSelect ? RIGHT.includes(key) : label !== undefined) break;
    }
    const labels = options.map(({ label }) => label).filter((label) => chosen.has(label));
    answers[question] = labels.map((label) => (/, |"/.test(label) ? JSON.stringify(label) : label)).join(", ");
  }
  const needsReview = questions.length > 1 || questions.some(({ multiSelect }) => multiSelect);
  for (let key = needsReview ? "" : "1"; key !== "1"; key = (await readKey(signal)) ?? "\u001b")
    if (key === "2" || key === "\u001b") return "interrupt";
  return answers;
}

function parseAnswers(answer: Answer): Answers | undefined {
  const output = answer?.["hookSpecificOutput"] as { decision?: { updatedInput?: { answers?: Answers } } } | undefined;
  return output?.decision?.updatedInput?.answers;
}
