/** Replies to messages about tasks: words for the agents of a task, or the end of their work. */

import { parseTaskKey, TASK_KEY_SOURCE } from "../../../shared/names.ts";
import { keepDefined } from "../../../shared/omit-undefined.ts";
import { findStoredTask } from "../../../shared/tasks/find-task.ts";
import { readMessageTasks } from "../../../shared/telegram/message-log.ts";
import { joinRichText, toSafeText } from "../../../shared/telegram/rich-text.ts";
import type { CommandContext, CommandResult, ReplyHandler } from "../commands/command.ts";
import { passOnRemark } from "../commands/remarks.ts";
import { fillTemplate } from "../presentation/presentation.ts";

const KEY_AND_TEXT = new RegExp(String.raw`^\s*(${TASK_KEY_SOURCE})\s*[:,–-]?\s+([\s\S]+)$`, "u");

/** Limit of the keys that a refusal names. */
const MAX_KEYS = 10;

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
