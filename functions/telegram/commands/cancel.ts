import { changeStatus } from "./change-status.ts";
import type { TelegramCommand } from "./command.ts";
import { withTask } from "./resolve-argument.ts";

/** Cancels a task. */
export const cancelCommand: TelegramCommand = {
  name: "cancel",
  aliases: ["annuler"],
  run: (context, args) =>
    withTask(context, "cancel", args, (task, reason) =>
      changeStatus(context, task, { status: "cancelled", reason, confirmation: "cancelled", emoji: "✖️" }),
    ),
};
