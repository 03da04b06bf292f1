import { approveReview, isBeingJudged } from "../../../shared/work/review.ts";
import { isInReview } from "../../../shared/work/there.ts";
import { actingFor, type Command } from "../handler.ts";
import { isDone, notDone } from "./move.ts";
import { withTask } from "./one.ts";

/** A task in review is done. */
export const approve: Command = {
  name: "approve",
  also: ["approuver", "ok"],
  run: (heard, args) =>
    withTask(heard, "approve", args, async (task) => {
      const acting = actingFor(heard);
      if (!isInReview(task.item) && !(await isBeingJudged(acting, task.id, "approved"))) {
        const isOver = heard.again && task.item.snapshot.word === "done";
        return isOver ? isDone(heard, task, "approved", "✅") : notDone(heard, task, "notInReview");
      }
      return isDone(heard, await approveReview(acting, task), "approved", "✅");
    }),
};
