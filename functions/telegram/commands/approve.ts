import { approveReview, isVerdictPending } from "../../../shared/work/lifecycle/review-task.ts";
import { isInReview } from "../../../shared/work/tasks/is-in-review.ts";
import { replyConfirmation, replyRefusal } from "./change-status.ts";
import { createCommandCallContext, type TelegramCommand } from "./command.ts";
import { withTask } from "./resolve-argument.ts";

/** Approves a task in review, which completes it. */
export const approveCommand: TelegramCommand = {
  name: "approve",
  aliases: ["approuver", "ok"],
  run: (context, args) =>
    withTask(context, "approve", args, async (task) => {
      const callContext = createCommandCallContext(context);
      if (!isInReview(task.item) && !(await isVerdictPending(callContext, task.id, "approved"))) {
        const isOver = context.isRetry && task.item.snapshot.word === "done";
        return isOver ? replyConfirmation(context, task, "approved", "✅") : replyRefusal(context, task, "notInReview");
      }
      return replyConfirmation(context, await approveReview(callContext, task), "approved", "✅");
    }),
};
