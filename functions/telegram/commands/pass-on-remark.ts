import { cleanText } from "../../../shared/clean-text.ts";
import { createRemarkJob } from "../../../shared/jobs/work-jobs.ts";
import { isOpenItem } from "../../../shared/task/diff.ts";
import { toSafeText } from "../../../shared/telegram/safe-text.ts";
import { findTaskWorkers } from "../../../shared/work/remark-handling/find-recipients.ts";
import { isStopWord } from "../../../shared/work/remarks/stop-word.ts";
import type { Task } from "../../../shared/work/tasks/find-task.ts";
import { fillTemplate } from "../presentation/fill-template.ts";
import { addReplyTask, type CommandContext, type CommandResult } from "./command.ts";
import { renderTaskLink } from "./render-tasks.ts";

/** Limit of a remark in UTF-16 units, as long as a message of Telegram. */
const MAX_TEXT = 4_096;

/** Makes what a person wrote about a task a comment for its agents, which wakes them, or stops their work. */
export async function passOnRemark(context: CommandContext, task: Task, text: string): Promise<CommandResult> {
  const { deps, id, from, correlation, presentation } = context;
  const { remarks } = presentation.texts.answers;
  const workers = await findTaskWorkers(deps, task);
  const isStop = workers.length > 0 && isStopWord(text);
  const template = isStop
    ? `⏹️ ${remarks.stopped}`
    : workers.length > 0
      ? `💬 ${remarks.passedOn}`
      : `💬 ${isOpenItem(task.item) ? remarks.noAgent : remarks.closed}`;
  const rich = fillTemplate(template, {
    task: renderTaskLink(context, task),
    agents: toSafeText(workers.join(", "), 200),
  });
  const remark = { remark: id, by: from.name, text: cleanText(text, MAX_TEXT) };
  return addReplyTask({ reply: { rich }, jobs: [createRemarkJob(task.id, remark, correlation)] }, task);
}
