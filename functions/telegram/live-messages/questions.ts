/** An agent's question to a person: its message, and the answer by button or text. */

import { observedKeys } from "../../../shared/records/store-keys.ts";
import { type ItemRecord, isOpen } from "../../../shared/task/snapshot.ts";
import { findStoredTask } from "../../../shared/tasks/find-task.ts";
import { answerQuestion, findQuestion, type QuestionRecord } from "../../../shared/tasks/people/questions.ts";
import { isStopWord } from "../../../shared/tasks/remark-record.ts";
import { joinRichText, type RichText, toPlainText, toSafeText } from "../../../shared/telegram/rich-text.ts";
import { cleanLine, cleanText } from "../../../shared/text.ts";
import { normalizeName } from "../commands/arguments.ts";
import type { CommandContext } from "../commands/command.ts";
import type { DeliveryContext } from "../delivery/context.ts";
import { EVENT_EMOJI, fillTemplate, renderTaskTitle } from "../presentation/presentation.ts";
import {
  type LiveContent,
  type LiveKind,
  type LiveQuestionMessage,
  type LiveResult,
  type MessageSubject,
  NEW_MESSAGE,
  renderHeadline,
  renderVerdict,
  toSafeLines,
  UNCONFIRMED_MESSAGE,
} from "./live-message.ts";

/** Length up to which answers are compared, in UTF-16 units. */
const ANSWER_LIMIT = 4_000;

/** Maximum number of choice buttons; any other choice can be named in a reply. */
const BUTTON_LIMIT = 8;

/** Longer choices are truncated on their button and shown in full in the text. UTF-16 units. */
const BUTTON_LABEL_LIMIT = 40;

/** A press answers the question that the button names, even under another message. */
export const questionKind: LiveKind<LiveQuestionMessage> = {
  verb: "ask",
  async createMessage(_, event, subject) {
    return { ...NEW_MESSAGE, event, subject: subject ?? { id: event.question } };
  },
  render: renderQuestion,
  async press(context, { id, action, message }) {
    const question = (await findQuestion(context.deps, id))?.value;
    const choice = question?.choices[Number(action)];
    if (!question || choice === undefined) return { toast: context.presentation.texts.answers.expiredButton };
    const outcome = await submitAnswer(context, question.id, choice);
    const shown = message ?? (await findUnconfirmedMessage(context, question));
    return { ...outcome, ...(shown ? { message: shown } : {}) };
  },
  reply: replyToQuestion,
};

/** Renders a question in its current state: open with its choices, answered, or no longer needed. */
async function renderQuestion(context: DeliveryContext, message: LiveQuestionMessage): Promise<LiveContent> {
  const { presentation, deps } = context;
  const { live, events } = presentation.texts;
  const { event, subject } = message;
  const { question: id, choices } = event;
  const question = (await findQuestion(deps, id))?.value;
  const task = "key" in subject ? renderTaskTitle(presentation, subject) : undefined;
  const title = event.reminder > 0 ? live.askedAgain : events.asked.title;
  const urgent = event.urgency === "high" ? [` – ${live.urgent}`] : [];
  const headline = renderHeadline(presentation, [EVENT_EMOJI.asked, title], task, event.agent);
  const lines = [joinRichText([headline, ...urgent]), ...toSafeLines(event.text, 2_000)];
  if (question?.answer) {
    const by = fillTemplate(live.answered, { by: toSafeText(question.answer.by, 80) });
    return { lines, outcome: renderVerdict(presentation, "💡", by, question.answer.text) };
  }
  if (question?.closed !== undefined || (await isSubjectClosed(context, subject)))
    return { lines, outcome: [toPlainText(live.notNeeded)] };
  return {
    lines: [...lines, ...renderChoices(choices)],
    hint: choices.length > 0 ? live.hint.press : live.hint.reply,
    buttons: {
      id,
      rows: choices
        .slice(0, BUTTON_LIMIT)
        .map((choice, i) => [[cleanLine(choice, BUTTON_LABEL_LIMIT) || String(i + 1), String(i)]]),
    },
  };
}

/** A question about no task stays open until it is answered. */
async function isSubjectClosed({ deps }: DeliveryContext, subject: MessageSubject): Promise<boolean> {
  if (!("key" in subject)) return false;
  const [item] = await deps.store.read<ItemRecord>([observedKeys.item(subject.id)]);
  return item !== undefined && (item.value.removedAt !== undefined || !isOpen(item.value.snapshot.status));
}

/** Lists the choices when their buttons cannot show them in full. */
function renderChoices(choices: readonly string[]): RichText[] {
  const areShort = choices.every((choice) => cleanLine(choice, 1_000).length <= BUTTON_LABEL_LIMIT);
  if (choices.length <= BUTTON_LIMIT && areShort) return [];
  return choices.map((choice, i) => joinRichText([`${i + 1}. `, toSafeText(choice, 200)]));
}

/** Finds what a message shows whose send got no answer, so that its buttons are removed like those of the others. */
async function findUnconfirmedMessage(
  { deps }: CommandContext,
  { id, item, agent, text, choices, urgency }: QuestionRecord,
): Promise<LiveQuestionMessage | undefined> {
  const task = item === undefined ? undefined : await findStoredTask(deps, item);
  if (item !== undefined && !task) return undefined;
  const event = { kind: "asked", question: id, agent, text, choices, urgency, reminder: 0 } as const;
  const subject = task ? { id: task.id, key: task.key, title: task.item.snapshot.name, url: task.url } : { id };
  return { ...UNCONFIRMED_MESSAGE, subject, event };
}

/** Submits an answer once; the toast says what came of it. */
export async function submitAnswer(context: CommandContext, id: string, text: string): Promise<{ toast: string }> {
  const { deps, presentation, from, correlation } = context;
  const { toast } = presentation.texts.live;
  const outcome = await answerQuestion(deps, id, { text, by: from.name }, correlation);
  const current = (await findQuestion(deps, id))?.value;
  if (outcome === "unknown" || !current?.answer) return { toast: toast.over };
  // After a crash the same answer may be submitted again: it gets the same confirmation.
  const toastKey = isOwnAnswer(current, context, text) ? "answered" : "already";
  return { toast: renderAnswerToast(context, toastKey, current.answer) };
}

/** Whether a question has this answer, by this person. */
export function isOwnAnswer(question: QuestionRecord | undefined, { from }: CommandContext, text: string): boolean {
  const { answer } = question ?? {};
  return answer?.by === from.name && cleanText(answer.text, ANSWER_LIMIT) === cleanText(text, ANSWER_LIMIT);
}

function renderAnswerToast(
  { presentation }: CommandContext,
  toastKey: "answered" | "already",
  { by, text }: NonNullable<QuestionRecord["answer"]>,
): string {
  const values = { by: toSafeText(by, 60), text: toSafeText(text, 100) };
  return fillTemplate(presentation.texts.live.toast[toastKey], values).text;
}

/**
 * Handles an answer in the human's own words. About a task, a text that stops the work, unless the question offers that
 * word, and one to a question that is over are passed on to the task's agents.
 */
async function replyToQuestion(
  context: CommandContext,
  { event, subject }: LiveQuestionMessage,
  text: string,
  passOn: (note?: string) => Promise<LiveResult>,
): Promise<LiveResult | undefined> {
  const question = (await findQuestion(context.deps, event.question))?.value;
  const isRepeated = isOwnAnswer(question, context, text);
  if ("key" in subject) {
    if (!question || question.closed !== undefined) return passOn();
    const { answer, choices } = question;
    if (answer && !isRepeated) return passOn(renderAnswerToast(context, "already", answer));
    const isChoice = choices.some((choice) => normalizeName(choice) === normalizeName(text));
    if (!answer && isStopWord(text) && !isChoice) return passOn();
  }
  if (!question) return { reply: { rich: toPlainText(context.presentation.texts.live.toast.over) } };
  // A reply to a question that is answered is for the Concierge like any other text.
  if (question.answer && !isRepeated) return undefined;
  const { toast } = await submitAnswer(context, question.id, text);
  const current = (await findQuestion(context.deps, question.id))?.value;
  // An accepted answer needs no reply: the message itself shows it.
  return isOwnAnswer(current, context, text) ? {} : { reply: { rich: toPlainText(toast) } };
}
