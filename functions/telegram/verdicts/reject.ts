import type { TelegramCommand } from "../commands/command.ts";
import { withTask } from "../commands/resolve-argument.ts";
import { judgeTask } from "./verdict.ts";

/** Rejects a ticket, or sends a task in review back to its agent. */
export const rejectCommand: TelegramCommand = {
  name: "reject",
  aliases: ["rejeter", "renvoyer"],
  run: (context, args) =>
    withTask(context, "reject", args, (task, reason) => judgeTask(context, task, { isApproved: false, reason })),
};
