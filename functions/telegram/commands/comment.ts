import { cleanText } from "../../../shared/clean-text.ts";
import type { TelegramCommand } from "./command.ts";
import { passOnRemark } from "./pass-on-remark.ts";
import { replyUsage, withTask } from "./resolve-argument.ts";

/** Writes a comment on a task, which wakes its agents as a reply to a message about it does. */
export const commentCommand: TelegramCommand = {
  name: "comment",
  aliases: ["commenter", "commentaire", "note"],
  run: (context, args) =>
    withTask(context, "comment", args, async (task, text) =>
      cleanText(text, text.length) === "" ? replyUsage(context, "comment") : passOnRemark(context, task, text),
    ),
};
