import { changeStatus } from "./change-status.ts";
import type { TelegramCommand } from "./command.ts";
import { withTask } from "./resolve-argument.ts";

/** Marks a task as blocked. */
export const blockCommand: TelegramCommand = {
  name: "block",
  aliases: ["bloquer"],
  run: (context, args) =>
    withTask(context, "block", args, (task, reason) =>
      changeStatus(context, task, { status: "blocked", reason, confirmation: "blocked", emoji: "⛔" }),
    ),
};
