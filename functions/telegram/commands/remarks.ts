/** What people write to the agents of a task: the command `comment`, and replies to messages about tasks. */

import { parseTaskKey, TASK_KEY_SOURCE } from "../../../shared/names.ts";
import { keepDefined } from "../../../shared/omit-undefined.ts";
import type { Task } from "../../../shared/records/plane-records.ts";
import { isOpenItem } from "../../../shared/task/snapshot.ts";
import { findStoredTask, findTaskId } from "../../../shared/tasks/find-task.ts";
import { prepareMessage } from "../../../shared/tasks/people/remarks.ts";
import { readMessageTasks } from "../../../shared/telegram/message-log.ts";
import { joinRichText, toSafeText } from "../../../shared/telegram/rich-text.ts";
import { cleanText } from "../../../shared/text.ts";
import { fillTemplate } from "../presentation/presentation.ts";
import { renderTaskLink } from "../presentation/task-lists.ts";
import { createTaskCommand, replyUsage } from "./arguments.ts";
import {
  addReplyTask,
  type CommandContext,
  type CommandResult,
  type ReplyHandler,
  replyText,
  requireMember,
} from "./command.ts";

const KEY_AND_TEXT = new RegExp(String.raw`^\s*(${TASK_KEY_SOURCE})\s*[:,–-]?\s+([\s\S]+)$`, "u");

const HEADLINE_KEY = new RegExp(TASK_KEY_SOURCE, "u");

/** Limit of the keys that a refusal names. */
const MAX_KEYS = 10;

/** Writes a comment on a task, which wakes its agents as a reply to a message about it does. */
export const commentCommand = createTaskCommand(
  "comment",
  ["commenter", "commentaire", "note"],
  async (context, task, text) =>
    cleanText(text, text.length) === "" ? replyUsage(context, "comment") : passOnRemark(context, task, text),
);

/** Stops the work on a task, for a reason or without one, as a reply with `stop` does. */
export const stopCommand = createTaskCommand("stop", ["arrete", "arrête", "arreter", "arrêter"], (context, task, why) =>
  passOnRemark(context, task, why === "" ? "stop" : `stop: ${why}`),
);

/**
 * Passes what a person wrote about a task on to its agents, or stops their work, with the commit that the message was
 * handled. That it becomes a comment in Plane follows.
 */
async function passOnRemark(context: CommandContext, task: Task, text: string): Promise<CommandResult> {
  const { allDeps, id, from, correlation, presentation, writtenAt: at } = context;
  requireMember(context);
  const { remarks } = presentation.texts.answers;
  const { update, workers, isStop } = await prepareMessage(allDeps, task, { id, by: from.name, text, at }, correlation);
  const unheard = isOpenItem(task.item) ? remarks.noAgent : remarks.closed;
  const template = isStop ? `⏹️ ${remarks.stopped}` : `💬 ${workers.length > 0 ? remarks.passedOn : unheard}`;
  const values = { task: renderTaskLink(context, task), agents: toSafeText(workers.join(", "), 200) };
  const action = { name: isStop ? "stop" : "comment", task: task.key };
  return addReplyTask({ action, ...replyText(template, values), ...update }, task);
}

/**
 * Handles a reply to any message about a task: it becomes a comment for the task's agents and wakes them, or stops
 * their work. A reply to a message about several tasks begins with the key of one. Of a message that is not stored any
 * more, the first key in its headline counts.
 */
export const taskReplyHandler: ReplyHandler = async (context, { to: messageId, text, message }) => {
  const { deps, chat } = context;
  const stored = await readMessageTasks(deps.store, chat, messageId);
  const [headline = ""] = message && !message.isLogged ? message.text.replaceAll("\u2060", "").split("\n", 1) : [];
  const key = parseTaskKey(HEADLINE_KEY.exec(headline)?.[0] ?? "");
  const ids = stored.length === 0 && key ? keepDefined([await findTaskId(deps, key)]) : stored;
  if (ids.length === 0) return undefined;
  const tasks = keepDefined(await Promise.all(ids.map((id) => findStoredTask(deps, id))));
  const present = tasks.filter(({ item }) => item.removedAt === undefined);
  const [first] = present;
  if (!first) return replyGone(context);
  if (ids.length === 1) return passOnRemark(context, first, text);
  const [, name = "", rest = ""] = KEY_AND_TEXT.exec(text) ?? [];
  const named = present.find((task) => task.key === parseTaskKey(name)?.key);
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
