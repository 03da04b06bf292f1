import { keepDefined } from "../../../shared/keep-defined.ts";
import { parseTaskKey, TASK_KEY_SOURCE } from "../../../shared/task-key.ts";
import { readMessageTasks } from "../../../shared/telegram/message-tasks.ts";
import { joinRichText } from "../../../shared/telegram/rich-text.ts";
import { toSafeText } from "../../../shared/telegram/safe-text.ts";
import { findKeptTask } from "../../../shared/work/tasks/find-task.ts";
import type { CommandContext, CommandResult, ReplyHandler } from "../commands/command.ts";
import { passOnRemark } from "../commands/pass-on-remark.ts";
import { fillTemplate } from "../presentation/fill-template.ts";

const KEY_AND_TEXT = new RegExp(String.raw`^\s*(${TASK_KEY_SOURCE})\s*[:,–-]?\s+([\s\S]+)$`, "u");
/** Limit of the keys that a refusal names. */
const MAX_KEYS = 10;

/**
 * Handles a reply to any message about a task: it becomes a comment for the task's agents and wakes them, or stops their
 * work. A reply to a message about several tasks begins with the key of one.
 */
export const taskReplyHandler: ReplyHandler = async (context, { to: messageId, text }) => {
  const { deps, chat } = context;
  const ids = await readMessageTasks(deps.store, chat, messageId);
  if (ids.length === 0) return undefined;
  const tasks = keepDefined(await Promise.all(ids.map((id) => findKeptTask(deps, id))));
  const present = tasks.filter(({ item }) => item.gone === undefined);
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

/**
 * Passes a reply on to the agents of the task with this id, or stops their work, and says so; `note` is said first.
 */
export async function passOnReply(
  context: CommandContext,
  id: string,
  text: string,
  note?: string,
): Promise<CommandResult> {
  const task = await findKeptTask(context.deps, id);
  const { remarks } = context.presentation.texts.answers;
  const isPresent = task !== undefined && task.item.gone === undefined;
  const result = isPresent
    ? await passOnRemark(context, task, text)
    : { reply: { rich: joinRichText(["ℹ️ ", remarks.gone]) } };
  if (note === undefined || !result.reply) return result;
  return { ...result, reply: { ...result.reply, rich: joinRichText([note, result.reply.rich], "\n") } };
}
