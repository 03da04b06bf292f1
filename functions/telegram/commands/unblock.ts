import { changeStatus, replyRefusal } from "./change-status.ts";
import type { TelegramCommand } from "./command.ts";
import { withTask } from "./resolve-argument.ts";

/** Lets a task go on that is marked as blocked; what it waits for is still waited for. */
export const unblockCommand: TelegramCommand = {
  name: "unblock",
  aliases: ["debloquer"],
  run: (context, args) =>
    withTask(context, "unblock", args, async (task, reason) =>
      task.item.snapshot.word === "blocked" || context.isRetry
        ? changeStatus(context, task, { status: "todo", reason, what: "unblocked", emoji: "🟢" })
        : replyRefusal(context, task, "notBlocked"),
    ),
};
