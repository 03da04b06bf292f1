import { isVerdictPending, sendBackReview } from "../../../shared/work/lifecycle/review-task.ts";
import { isInReview } from "../../../shared/work/tasks/is-in-review.ts";
import { replyConfirmation, replyRefusal } from "./change-status.ts";
import { createCommandCallContext, type TelegramCommand } from "./command.ts";
import { withTask } from "./resolve-argument.ts";

/** Sends a task in review back to its agent. */
export const rejectCommand: TelegramCommand = {
  name: "reject",
  aliases: ["rejeter", "renvoyer"],
  run: (context, args) =>
    withTask(context, "reject", args, async (task, reason) => {
      const callContext = createCommandCallContext(context);
      if (!isInReview(task.item) && !(await isVerdictPending(callContext, task.id, "sent_back"))) {
        const isOver = context.isRetry && task.item.snapshot.word === "todo";
        return isOver ? replyConfirmation(context, task, "sentBack", "↩️") : replyRefusal(context, task, "notInReview");
      }
      return replyConfirmation(context, await sendBackReview(callContext, task, reason), "sentBack", "↩️");
    }),
};
