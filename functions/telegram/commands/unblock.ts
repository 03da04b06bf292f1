import { changeStatus, replyRefusal } from "./change-status.ts";
import type { TelegramCommand } from "./command.ts";
import { withTask } from "./resolve-argument.ts";

/** Removes the blocked status of a task. Its open blockers still apply. */
export const unblockCommand: TelegramCommand = {
  name: "unblock",
  aliases: ["debloquer"],
  run: (context, args) =>
    withTask(context, "unblock", args, async (task, reason) =>
      task.item.snapshot.word === "blocked" || context.isRetry
        ? changeStatus(context, task, { status: "todo", reason, confirmation: "unblocked", emoji: "🟢" })
        : replyRefusal(context, task, "notBlocked"),
    ),
};
