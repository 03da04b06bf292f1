import type { TelegramCommand } from "../commands/command.ts";
import { withTask } from "../commands/resolve-argument.ts";
import { judgeTask } from "./verdict.ts";

/** Approves a ticket, or a task in review, which completes the task. */
export const approveCommand: TelegramCommand = {
  name: "approve",
  aliases: ["approuver", "ok"],
  run: (context, args) =>
    withTask(context, "approve", args, (task) => judgeTask(context, task, { isApproved: true, reason: "" })),
};
