import { cleanText } from "../../../shared/clean-text.ts";
import { createLiveRefreshJob } from "../../../shared/jobs/outbox-jobs.ts";
import { toSafeText } from "../../../shared/telegram/safe-text.ts";
import { workKeys } from "../../../shared/work/context/work-keys.ts";
import type { KeptReview, KeptReviewVerdict } from "../../../shared/work/lifecycle/review-record.ts";
import { answerQuestion } from "../../../shared/work/questions/answer-question.ts";
import { findQuestion, type KeptQuestion } from "../../../shared/work/questions/question-record.ts";
import { isStopWord } from "../../../shared/work/remarks/stop-word.ts";
import { findKeptTask } from "../../../shared/work/tasks/find-task.ts";
import type { ButtonHandler, CommandContext, CommandResult, ReplyHandler } from "../commands/command.ts";
import { normalizeName } from "../commands/match-name.ts";
import { fillTemplate } from "../presentation/fill-template.ts";
import {
  createLiveMessagePut,
  isPlanMessage,
  isReviewMessage,
  isTicketMessage,
  type LiveMessage,
  type LiveTicketMessage,
  liveMessageKey,
} from "./live-message.ts";
import { handlePlanReply } from "./plan-buttons.ts";
import { handleReviewReply } from "./review-buttons.ts";
import { passOnReply } from "./task-reply.ts";
import { handleTicketReply } from "./ticket-replies.ts";

/** Length up to which answers are compared, in UTF-16 units. */
const ANSWER_LIMIT = 4_000;

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

/**
 * Handles a reply to a question (an answer in the human's own words), to a review (a reason to send it back), to a plan
 * (what to change) or to what a ticket waits for. A reply that stops the work, unless the question offers that word, and one to a question or
 * review that is over are passed on to the task's agents.
 */
export const liveReplyHandler: ReplyHandler = async (context, { to: messageId, text }) => {
  const [liveMessage] = await context.deps.store.read<LiveMessage>([liveMessageKey(context.chat, messageId)]);
  if (!liveMessage) return undefined;
  const message = liveMessage.value;
  if (isTicketMessage(message)) return handleTicketReply(context, message, text);
  const taskReply = await handleTaskReply(context, message, text);
  if (taskReply) return taskReply;
  if (isReviewMessage(message)) return handleReviewReply(context, message, { to: messageId, text });
  if (isPlanMessage(message)) return handlePlanReply(context, message, text);
  const question = (await findQuestion(context.deps, message.event.question))?.value;
  if (!question) return toTextReply(context.presentation.texts.live.toast.over);
  // A reply to a question that is answered is for the Concierge like any other text.
  if (question.answer && !isOwnAnswer(question, context, text)) return undefined;
  const { toast } = await submitAnswer(context, question.id, text);
  const current = (await findQuestion(context.deps, question.id))?.value;
  // An accepted answer needs no reply: the message itself shows it.
  return isOwnAnswer(current, context, text) ? {} : toTextReply(toast ?? "");
};

/**
 * Handles a reply to a question or review that is no answer, but words about its task like any others: it stops the
 * work, or the question or review is over. Undefined for an answer.
 */
async function handleTaskReply(
  context: CommandContext,
  message: Exclude<LiveMessage, LiveTicketMessage>,
  text: string,
): Promise<CommandResult | undefined> {
  const { deps, from } = context;
  if (isPlanMessage(message) || !("key" in message.subject)) return undefined;
  const { id } = message.subject;
  if (isReviewMessage(message)) {
    const [[review], [verdict]] = await Promise.all([
      deps.store.read<KeptReview>([workKeys.review(id)]),
      deps.store.read<KeptReviewVerdict>([workKeys.judged(message.review)]),
    ]);
    // The verdict of the same person is confirmed again: a crash may have interrupted it.
    const isOver = review?.value.id !== message.review || verdict !== undefined;
    const isTaskReply = isStopWord(text) || (isOver && verdict?.value.by !== from.name);
    return isTaskReply ? passOnReply(context, id, text) : undefined;
  }
  const question = (await findQuestion(deps, message.event.question))?.value;
  if (!question || question.closed !== undefined) return passOnReply(context, id, text);
  if (question.answer)
    return isOwnAnswer(question, context, text)
      ? undefined
      : passOnReply(context, id, text, renderAnswerToast(context, "already", question.answer));
  const isChoice = question.choices.some((choice) => normalizeName(choice) === normalizeName(text));
  return isStopWord(text) && !isChoice ? passOnReply(context, id, text) : undefined;
}

function renderAnswerToast(
  { presentation }: CommandContext,
  toastKey: "answered" | "already",
  { by, text }: NonNullable<KeptQuestion["answer"]>,
): string {
  const values = { by: toSafeText(by, 60), text: toSafeText(text, 100) };
  return fillTemplate(presentation.texts.live.toast[toastKey], values).text;
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
export function isOwnAnswer(question: KeptQuestion | undefined, { from }: CommandContext, text: string): boolean {
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
