/** What people write to the agents of a task: the command `comment`, and replies to messages about tasks. */

import { createRemarkJob } from "../../../shared/jobs/work-jobs.ts";
import { parseTaskKey, TASK_KEY_SOURCE } from "../../../shared/names.ts";
import { keepDefined } from "../../../shared/omit-undefined.ts";
import type { Task } from "../../../shared/records/plane-records.ts";
import { isOpenItem } from "../../../shared/task/snapshot.ts";
import { findStoredTask } from "../../../shared/tasks/find-task.ts";
import { findTaskWorkers } from "../../../shared/tasks/people/remarks.ts";
import { isStopWord } from "../../../shared/tasks/remark-record.ts";
import { readMessageTasks } from "../../../shared/telegram/message-log.ts";
import { joinRichText, toSafeText } from "../../../shared/telegram/rich-text.ts";
import { cleanText } from "../../../shared/text.ts";
import { fillTemplate } from "../presentation/presentation.ts";
import { createTaskCommand, replyUsage } from "./arguments.ts";
import { addReplyTask, type CommandContext, type CommandResult, type ReplyHandler, replyText } from "./command.ts";
import { renderTaskLink } from "./task-lists.ts";

/** Limit of a remark in UTF-16 units, as long as a message of Telegram. */
const MAX_TEXT = 4_096;

const KEY_AND_TEXT = new RegExp(String.raw`^\s*(${TASK_KEY_SOURCE})\s*[:,–-]?\s+([\s\S]+)$`, "u");

/** Limit of the keys that a refusal names. */
const MAX_KEYS = 10;

/** Writes a comment on a task, which wakes its agents as a reply to a message about it does. */
export const commentCommand = createTaskCommand(
  "comment",
  ["commenter", "commentaire", "note"],
  async (context, task, text) =>
    cleanText(text, text.length) === "" ? replyUsage(context, "comment") : passOnRemark(context, task, text),
);

/** Makes what a person wrote about a task a comment for its agents, which wakes them, or stops their work. */
async function passOnRemark(context: CommandContext, task: Task, text: string): Promise<CommandResult> {
  const { deps, id, from, correlation, presentation } = context;
  const { remarks } = presentation.texts.answers;
  const workers = await findTaskWorkers(deps, task);
  const isStop = workers.length > 0 && isStopWord(text);
  const unheard = isOpenItem(task.item) ? remarks.noAgent : remarks.closed;
  const template = isStop ? `⏹️ ${remarks.stopped}` : `💬 ${workers.length > 0 ? remarks.passedOn : unheard}`;
  const values = { task: renderTaskLink(context, task), agents: toSafeText(workers.join(", "), 200) };
  const remark = { remark: id, by: from.name, text: cleanText(text, MAX_TEXT) };
  const result = replyText(template, values);
  return addReplyTask({ ...result, jobs: [createRemarkJob(task.id, remark, correlation)] }, task);
}

/**
 * Handles a reply to any message about a task: it becomes a comment for the task's agents and wakes them, or stops
 * their work. A reply to a message about several tasks begins with the key of one.
 */
export const taskReplyHandler: ReplyHandler = async (context, { to: messageId, text }) => {
  const { deps, chat } = context;
  const ids = await readMessageTasks(deps.store, chat, messageId);
  if (ids.length === 0) return undefined;
  const tasks = keepDefined(await Promise.all(ids.map((id) => findStoredTask(deps, id))));
  const present = tasks.filter(({ item }) => item.removedAt === undefined);
  const [first] = present;
  if (!first) return replyGone(context);
  if (ids.length === 1) return passOnRemark(context, first, text);
  const [, key = "", rest = ""] = KEY_AND_TEXT.exec(text) ?? [];
  const named = present.find((task) => task.key === parseTaskKey(key)?.key);
  if (named) return passOnRemark(context, named, rest);
  const keys = present.slice(0, MAX_KEYS).map((task) => toSafeText(task.key, 40));
  const { which } = context.presentation.texts.answers.remarks;
  return { reply: { rich: fillTemplate(`ℹ️ ${which}`, { keys: joinRichText(keys, ", ") }), tasks: ids } };
};

function replyGone({ presentation }: CommandContext): CommandResult {
  return { reply: { rich: joinRichText(["ℹ️ ", presentation.texts.answers.remarks.gone]) } };
}

/**
 * Passes a reply on to the agents of the task with this id, or stops their work, and says so; `note` is said first.
 */
export async function passOnReply(
  context: CommandContext,
  id: string,
  text: string,
  note?: string,
): Promise<CommandResult> {
  const task = await findStoredTask(context.deps, id);
  const isPresent = task !== undefined && task.item.removedAt === undefined;
  const result = isPresent ? await passOnRemark(context, task, text) : replyGone(context);
  if (note === undefined || !result.reply) return result;
  return { ...result, reply: { ...result.reply, rich: joinRichText([note, result.reply.rich], "\n") } };
}
