/**
 * Replies to messages: an answer, a reason, a change of a plan, or words for the agents of the task that the message
 * is about.
 */

import { parseTaskKey, TASK_KEY_SOURCE } from "../../../shared/names.ts";
import { keepDefined } from "../../../shared/omit-undefined.ts";
import { workKeys } from "../../../shared/records/store-keys.ts";
import type { ReviewRecord, ReviewVerdict } from "../../../shared/records/task-records.ts";
import { findStoredTask } from "../../../shared/tasks/find-task.ts";
import { findQuestion } from "../../../shared/tasks/people/questions.ts";
import { isStopWord } from "../../../shared/tasks/remark-record.ts";
import { readMessageTasks } from "../../../shared/telegram/message-log.ts";
import { joinRichText, toSafeText } from "../../../shared/telegram/rich-text.ts";
import { normalizeName } from "../commands/arguments.ts";
import { passOnRemark } from "../commands/changing.ts";
import type { CommandContext, CommandResult, ReplyHandler } from "../commands/command.ts";
import { fillTemplate } from "../presentation/presentation.ts";
import {
  isPlanMessage,
  isReviewMessage,
  isTicketMessage,
  type LiveMessage,
  type LiveTicketMessage,
  liveMessageKey,
} from "./live-message.ts";
import { handlePlanReply } from "./plans.ts";
import { isOwnAnswer, renderAnswerToast, submitAnswer } from "./questions.ts";
import { handleReviewReply } from "./reviews.ts";
import { handleTicketReply } from "./ticket-decisions.ts";

const KEY_AND_TEXT = new RegExp(String.raw`^\s*(${TASK_KEY_SOURCE})\s*[:,–-]?\s+([\s\S]+)$`, "u");

/** Limit of the keys that a refusal names. */
const MAX_KEYS = 10;

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
      deps.store.read<ReviewRecord>([workKeys.review(id)]),
      deps.store.read<ReviewVerdict>([workKeys.reviewVerdict(message.review)]),
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

/**
 * Passes a reply on to the agents of the task with this id, or stops their work, and says so; `note` is said first.
 */
async function passOnReply(context: CommandContext, id: string, text: string, note?: string): Promise<CommandResult> {
  const task = await findStoredTask(context.deps, id);
  const { remarks } = context.presentation.texts.answers;
  const isPresent = task !== undefined && task.item.removedAt === undefined;
  const result = isPresent
    ? await passOnRemark(context, task, text)
    : { reply: { rich: joinRichText(["ℹ️ ", remarks.gone]) } };
  if (note === undefined || !result.reply) return result;
  return { ...result, reply: { ...result.reply, rich: joinRichText([note, result.reply.rich], "\n") } };
}

function toTextReply(text: string): CommandResult {
  return { reply: { rich: { text, entities: [] } } };
}

/**
 * Handles a reply to any message about a task: it becomes a comment for the task's agents and wakes them, or stops their
 * work. A reply to a message about several tasks begins with the key of one.
 */
export const taskReplyHandler: ReplyHandler = async (context, { to: messageId, text }) => {
  const { deps, chat } = context;
  const ids = await readMessageTasks(deps.store, chat, messageId);
  if (ids.length === 0) return undefined;
  const tasks = keepDefined(await Promise.all(ids.map((id) => findStoredTask(deps, id))));
  const present = tasks.filter(({ item }) => item.removedAt === undefined);
  const { remarks } = context.presentation.texts.answers;
  if (present.length === 0) return { reply: { rich: joinRichText(["ℹ️ ", remarks.gone]) } };
  const [, key = "", rest = ""] = KEY_AND_TEXT.exec(text) ?? [];
  const named = present.find((task) => task.key === parseTaskKey(key)?.key);
  if (named && ids.length > 1) return passOnRemark(context, named, rest);
  const [only, ...others] = present;
  if (only && others.length === 0 && ids.length === 1) return passOnRemark(context, only, text);
  const keys = present.slice(0, MAX_KEYS).map((task) => toSafeText(task.key, 40));
  const reply = fillTemplate(`ℹ️ ${remarks.which}`, { keys: joinRichText(keys, ", ") });
  return { reply: { rich: reply, tasks: ids } };
};
