import { cleanText } from "../../../shared/clean-text.ts";
import { createLiveRefreshJob } from "../../../shared/jobs/outbox-jobs.ts";
import { toSafeText } from "../../../shared/telegram/safe-text.ts";
import { answerQuestion } from "../../../shared/work/questions/answer-question.ts";
import { findQuestion, type KeptQuestion } from "../../../shared/work/questions/question-record.ts";
import { findKeptTask } from "../../../shared/work/tasks/find-task.ts";
import type { ButtonHandler, CommandContext, CommandResult, ReplyHandler } from "../commands/command.ts";
import { fillTemplate } from "../presentation/fill-template.ts";
import {
  createLiveMessagePut,
  isPlanMessage,
  isReviewMessage,
  type LiveMessage,
  liveMessageKey,
} from "./live-message.ts";
import { handlePlanReply } from "./plan-buttons.ts";
import { handleReviewReply } from "./review-buttons.ts";

/** Length up to which answers are compared, in UTF-16 units. */
const ANSWER_LIMIT = 4_000;

/** Handles the press of a choice: it answers the question that the button names, even under another message. */
export const choiceButtonHandler: ButtonHandler = async (context, { messageId, id, arg }) => {
  const { deps, presentation } = context;
  const question = (await findQuestion(deps, id))?.value;
  const choice = question?.choices[Number(arg)];
  if (!question || choice === undefined) return { toast: presentation.texts.answers.expiredButton };
  const outcome = await submitAnswer(context, question, choice);
  const adoption = await adoptMessage(context, messageId, question);
  return { ...outcome, ...adoption };
};

/**
 * Handles a reply to a question (an answer in the human's own words), to a review (a reason to send it back) or to a
 * plan (what to change).
 */
export const liveReplyHandler: ReplyHandler = async (context, { to: messageId, text }) => {
  const [liveMessage] = await context.deps.store.read<LiveMessage>([liveMessageKey(context.chat, messageId)]);
  if (!liveMessage) return undefined;
  const message = liveMessage.value;
  if (isReviewMessage(message)) return handleReviewReply(context, message, { to: messageId, text });
  if (isPlanMessage(message)) return handlePlanReply(context, message, text);
  const question = (await findQuestion(context.deps, message.event.question))?.value;
  if (!question) return toTextReply(context.presentation.texts.live.toast.over);
  const { toast } = await submitAnswer(context, question, text);
  const current = (await findQuestion(context.deps, question.id))?.value;
  // An accepted answer needs no reply: the message itself shows it.
  return isAnswerFrom(current, context, text) ? {} : toTextReply(toast ?? "");
};

async function submitAnswer(context: CommandContext, { id }: KeptQuestion, text: string): Promise<{ toast?: string }> {
  const { deps, presentation, from, correlation } = context;
  const { toast } = presentation.texts.live;
  const outcome = await answerQuestion(deps, id, { text, by: from.name }, correlation);
  const current = (await findQuestion(deps, id))?.value;
  if (outcome === "unknown" || !current?.answer) return { toast: toast.over };
  const values = { by: toSafeText(current.answer.by, 60), text: toSafeText(current.answer.text, 100) };
  // After a crash the same answer may be submitted again: it gets the same confirmation.
  return { toast: fillTemplate(isAnswerFrom(current, context, text) ? toast.answered : toast.already, values).text };
}

function isAnswerFrom(question: KeptQuestion | undefined, { from }: CommandContext, text: string): boolean {
  const { answer } = question ?? {};
  return (
    answer !== undefined &&
    answer.by === from.name &&
    cleanText(answer.text, ANSWER_LIMIT) === cleanText(text, ANSWER_LIMIT)
  );
}

/** Records a message whose send got no answer, so that its buttons are removed like those of the others. */
async function adoptMessage(
  { deps, chat, correlation }: CommandContext,
  messageId: number,
  question: KeptQuestion,
): Promise<CommandResult> {
  const key = liveMessageKey(chat, messageId);
  const [stored] = await deps.store.read<LiveMessage>([key]);
  if (stored) return {};
  const { id, item, agent, text, choices, urgency } = question;
  const task = item === undefined ? undefined : await findKeptTask(deps, item);
  if (item !== undefined && !task) return {};
  const event = { kind: "asked", question: id, agent, text, choices, urgency, reminder: 0 } as const;
  const subject = task ? { id: task.id, key: task.key, title: task.item.snapshot.name, url: task.url } : { id };
  return {
    expect: [[key, 0]],
    put: [createLiveMessagePut(chat, messageId, { subject, shown: "", repeat: true, event }, false)],
    jobs: [createLiveRefreshJob(chat, subject.id, `adopted.${messageId}`, correlation)],
  };
}

function toTextReply(text: string): CommandResult {
  return { reply: { rich: { text, entities: [] } } };
}
