/** An agent's question to a person: its message, and the answer by button or text. */

import { createLiveRefreshJob } from "../../../shared/jobs/outgoing-jobs.ts";
import { keepDefined, omitUndefined } from "../../../shared/omit-undefined.ts";
import { observedKeys } from "../../../shared/records/store-keys.ts";
import { type ItemRecord, isOpen } from "../../../shared/task/snapshot.ts";
import { findStoredTask } from "../../../shared/tasks/find-task.ts";
import { answerQuestion, findQuestion, type QuestionRecord } from "../../../shared/tasks/people/questions.ts";
import type { InlineButton } from "../../../shared/telegram/bot.ts";
import { joinRichText, type RichText, toBold, toSafeText } from "../../../shared/telegram/rich-text.ts";
import { cleanLine, cleanText } from "../../../shared/text.ts";
import type { ButtonHandler, CommandContext, CommandResult } from "../commands/command.ts";
import type { DeliveryContext } from "../delivery/context.ts";
import { EVENT_EMOJI, fillTemplate } from "../presentation/presentation.ts";
import {
  acceptsInputInChat,
  createLiveMessagePut,
  joinViewLines,
  type LiveMessage,
  liveMessageKey,
  type MessageSubject,
  type MessageView,
  type QuestionEvent,
  renderSubjectLine,
  toSafeLines,
} from "./live-message.ts";

/** Length up to which answers are compared, in UTF-16 units. */
const ANSWER_LIMIT = 4_000;

/** Maximum number of choice buttons; any other choice can be named in a reply. */
const BUTTON_LIMIT = 8;

/** Longer choices are truncated on their button and shown in full in the text. UTF-16 units. */
const BUTTON_LABEL_LIMIT = 40;

/** Telegram's limit for the data of a button, in bytes (Bot API, InlineKeyboardButton). */
const BUTTON_DATA_LIMIT = 64;

/** Renders a question in its current state: open with its choices, answered, or no longer needed. */
export async function renderQuestion(
  context: DeliveryContext,
  { event, subject }: { event: QuestionEvent; subject: MessageSubject },
): Promise<MessageView> {
  const { presentation, deps } = context;
  const { live, events, colon } = presentation.texts;
  const stored = await findQuestion(deps, event.question);
  const answer = stored?.value.answer;
  const isOver = stored?.value.closed !== undefined || (await isSubjectClosed(context, subject));
  // The agent's name is in the headline, where no text of an agent can appear, so no agent can ask in another's name.
  const headline = toBold(event.reminder > 0 ? live.askedAgain : events.asked.title);
  const head = [
    EVENT_EMOJI.asked,
    " ",
    headline,
    ` ${presentation.texts.fromAgent} `,
    toSafeText(event.agent, 80),
    "key" in subject ? colon : colon.trimEnd(),
  ];
  const questionLines: RichText[] = [
    joinRichText(
      keepDefined([
        ...head,
        "key" in subject ? renderSubjectLine(subject, presentation) : undefined,
        event.urgency === "high" ? ` – ${live.urgent}` : undefined,
      ]),
    ),
    ...toSafeLines(event.text, 2_000),
  ];
  if (answer) {
    const by = toBold(fillTemplate(live.answered, { by: toSafeText(answer.by, 80) }));
    return {
      rich: joinViewLines([...questionLines, joinRichText(["💡 ", by, colon]), ...toSafeLines(answer.text, 1_000)]),
      isClosed: true,
    };
  }
  if (isOver) return { rich: joinViewLines([...questionLines, joinRichText([live.notNeeded])]), isClosed: true };
  const choiceLines = renderChoices(event.choices);
  if (!acceptsInputInChat(context)) return { rich: joinViewLines([...questionLines, ...choiceLines]), isClosed: false };
  const buttons = createChoiceButtons(event);
  const hint = buttons.length > 0 ? live.hint.press : live.hint.reply;
  return {
    rich: joinViewLines([...questionLines, ...choiceLines, joinRichText([hint])]),
    ...omitUndefined({ buttons: buttons.length > 0 ? buttons : undefined }),
    isClosed: false,
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
  if (
    choices.length <= BUTTON_LIMIT &&
    choices.every((choice) => cleanLine(choice, 1_000).length <= BUTTON_LABEL_LIMIT)
  )
    return [];
  return choices.map((choice, i) => joinRichText([`${i + 1}. `, toSafeText(choice, 200)]));
}

/** Button data is `ask:<question>:<n>`: it names the question, so it answers no other one. */
function createChoiceButtons({ question, choices }: QuestionEvent): InlineButton[][] {
  const buttons = choices.slice(0, BUTTON_LIMIT).map((choice, i) => {
    const text = cleanLine(choice, BUTTON_LABEL_LIMIT);
    return { text: text === "" ? String(i + 1) : text, data: `ask:${question}:${i}` };
  });
  const fits = buttons.every((button) => new TextEncoder().encode(button.data).length <= BUTTON_DATA_LIMIT);
  return fits ? buttons.map((button) => [button]) : [];
}

/** Handles the press of a choice: it answers the question that the button names, even under another message. */
export const choiceButtonHandler: ButtonHandler = async (context, { messageId, id, arg }) => {
  const { deps, presentation } = context;
  const question = (await findQuestion(deps, id))?.value;
  const choice = question?.choices[Number(arg)];
  if (!question || choice === undefined) return { toast: presentation.texts.answers.expiredButton };
  const outcome = await submitAnswer(context, question.id, choice);
  const adoption = await adoptMessage(context, messageId, question);
  return { ...outcome, ...adoption };
};

/** Records a message whose send got no answer, so that its buttons are removed like those of the others. */
async function adoptMessage(
  { deps, chat, correlation }: CommandContext,
  messageId: number,
  question: QuestionRecord,
): Promise<CommandResult> {
  const key = liveMessageKey(chat, messageId);
  const [stored] = await deps.store.read<LiveMessage>([key]);
  if (stored) return {};
  const { id, item, agent, text, choices, urgency } = question;
  const task = item === undefined ? undefined : await findStoredTask(deps, item);
  if (item !== undefined && !task) return {};
  const event = { kind: "asked", question: id, agent, text, choices, urgency, reminder: 0 } as const;
  const subject = task ? { id: task.id, key: task.key, title: task.item.snapshot.name, url: task.url } : { id };
  return {
    expect: [[key, 0]],
    put: [createLiveMessagePut(chat, messageId, { subject, viewHash: "", repeat: true, event }, false)],
    jobs: [createLiveRefreshJob(chat, subject.id, `adopted.${messageId}`, correlation)],
  };
}

/** Submits an answer once; the toast says what came of it. */
export async function submitAnswer(context: CommandContext, id: string, text: string): Promise<{ toast?: string }> {
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
  return (
    answer !== undefined &&
    answer.by === from.name &&
    cleanText(answer.text, ANSWER_LIMIT) === cleanText(text, ANSWER_LIMIT)
  );
}

export function renderAnswerToast(
  { presentation }: CommandContext,
  toastKey: "answered" | "already",
  { by, text }: NonNullable<QuestionRecord["answer"]>,
): string {
  const values = { by: toSafeText(by, 60), text: toSafeText(text, 100) };
  return fillTemplate(presentation.texts.live.toast[toastKey], values).text;
}
