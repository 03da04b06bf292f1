import { addComment } from "../../../shared/work/comments/add-comment.ts";
import { isInReview } from "../../../shared/work/tasks/is-in-review.ts";
import { changeStatus } from "./change-status.ts";
import { createCommandCallContext, type TelegramCommand } from "./command.ts";
import { withTask } from "./resolve-argument.ts";

/** Completes a task, also one in review, which is thereby approved. The summary becomes a comment. */
export const doneCommand: TelegramCommand = {
  name: "done",
  aliases: ["termine", "terminé", "terminer", "fini", "close"],
  run: (context, args) =>
    withTask(context, "done", args, async (task, summary) => {
      const result = await changeStatus(context, task, {
        status: "done",
        reason: summary,
        confirmation: "done",
        emoji: "✅",
      });
      // An approval writes a comment of its own, without a text.
      if (summary !== "" && isInReview(task.item))
        await addComment(createCommandCallContext(context), task, { text: summary });
      return result;
    }),
};
