import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { isOpen } from "../../../shared/task/diff.ts";
import type { Status } from "../../../shared/task/snapshot.ts";
import { setStatus } from "../../../shared/work/lifecycle/set-status.ts";
import { findKeptTask, type Task } from "../../../shared/work/tasks/find-task.ts";
import { fillTemplate } from "../presentation/fill-template.ts";
import { type CommandContext, type CommandResult, createCommandCallContext } from "./command.ts";
import { renderTaskLink } from "./render-tasks.ts";

type RefusalKey = "already" | "notBlocked" | "notInReview" | "over";
type ConfirmationKey = "done" | "blocked" | "unblocked" | "cancelled" | "approved" | "sentBack";

/** Replies that nothing was done, and why. */
export function replyRefusal(context: CommandContext, task: Task, refusal: RefusalKey): CommandResult {
  return {
    reply: {
      rich: fillTemplate(`ℹ️ ${context.presentation.texts.answers.refusals[refusal]}`, {
        task: renderTaskLink(context, task),
      }),
    },
  };
}

export function replyConfirmation(
  context: CommandContext,
  task: Task,
  confirmation: ConfirmationKey,
  emoji: string,
): CommandResult {
  return {
    reply: {
      rich: fillTemplate(`${emoji} ${context.presentation.texts.answers.confirmations[confirmation]}`, {
        task: renderTaskLink(context, task),
      }),
    },
  };
}

/** Changes a task's status as the human, with the reason as a comment. */
export async function changeStatus(
  context: CommandContext,
  task: Task,
  change: { status: Status; reason: string; confirmation: ConfirmationKey; emoji: string },
): Promise<CommandResult> {
  const { word } = task.item.snapshot;
  if (word === change.status && !context.isRetry) return replyRefusal(context, task, "already");
  if (!isOpen(word) && word !== change.status) return replyRefusal(context, task, "over");
  const update = {
    status: change.status,
    ...omitUndefined({ text: change.reason !== "" ? change.reason : undefined }),
  };
  await setStatus(createCommandCallContext(context), task, update);
  return replyConfirmation(
    context,
    (await findKeptTask(context.deps, task.id)) ?? task,
    change.confirmation,
    change.emoji,
  );
}
