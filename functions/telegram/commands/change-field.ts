import { isOpen } from "../../../shared/task/diff.ts";
import { changeTask, type ItemFields } from "../../../shared/work/changes/change-task.ts";
import type { Task } from "../../../shared/work/tasks/find-task.ts";
import { fillTemplate } from "../presentation/fill-template.ts";
import { replyRefusal } from "./change-status.ts";
import { type CommandContext, type CommandResult, createCommandCallContext } from "./command.ts";
import { renderTaskLink } from "./render-tasks.ts";

interface FieldChange {
  /** The task has this value already. */
  isSame: boolean;
  fields: ItemFields;
  /** Template of the reply, with `{task}`. */
  confirmation: string;
  values: Record<string, string>;
}

/** Changes a field of an open task as the human, with one request to Plane. */
export async function changeField(
  context: CommandContext,
  task: Task,
  { isSame, fields, confirmation, values }: FieldChange,
): Promise<CommandResult> {
  if (!isOpen(task.item.snapshot.word)) return replyRefusal(context, task, "over");
  if (isSame && !context.isRetry) return replyRefusal(context, task, "already");
  const changed = isSame ? task : await changeTask(createCommandCallContext(context), task, fields);
  return { reply: { rich: fillTemplate(confirmation, { ...values, task: renderTaskLink(context, changed) }) } };
}
