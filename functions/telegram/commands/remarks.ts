/** What people write to the agents of a task: the command `comment`, and what replies and commands pass on. */

import { createRemarkJob } from "../../../shared/jobs/work-jobs.ts";
import type { Task } from "../../../shared/records/plane-records.ts";
import { isOpenItem } from "../../../shared/task/snapshot.ts";
import { findTaskWorkers } from "../../../shared/tasks/people/remarks.ts";
import { isStopWord } from "../../../shared/tasks/remark-record.ts";
import { toSafeText } from "../../../shared/telegram/rich-text.ts";
import { cleanText } from "../../../shared/text.ts";
import { createTaskCommand, replyUsage } from "./arguments.ts";
import { addReplyTask, type CommandContext, type CommandResult, replyText } from "./command.ts";
import { renderTaskLink } from "./task-lists.ts";

/** Limit of a remark in UTF-16 units, as long as a message of Telegram. */
const MAX_TEXT = 4_096;

/** Writes a comment on a task, which wakes its agents as a reply to a message about it does. */
export const commentCommand = createTaskCommand(
  "comment",
  ["commenter", "commentaire", "note"],
  async (context, task, text) =>
    cleanText(text, text.length) === "" ? replyUsage(context, "comment") : passOnRemark(context, task, text),
);

/** Makes what a person wrote about a task a comment for its agents, which wakes them, or stops their work. */
export async function passOnRemark(context: CommandContext, task: Task, text: string): Promise<CommandResult> {
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
