import { isBeingJudged, sendBack } from "../../../shared/work/review.ts";
import { isInReview } from "../../../shared/work/there.ts";
import { actingFor, type Command } from "../handler.ts";
import { isDone, notDone } from "./move.ts";
import { withTask } from "./one.ts";

/** A task in review goes back to its agent. */
export const reject: Command = {
  name: "reject",
  also: ["rejeter", "renvoyer"],
  run: (heard, args) =>
    withTask(heard, "reject", args, async (task, reason) => {
      const acting = actingFor(heard);
      if (!isInReview(task.item) && !(await isBeingJudged(acting, task.id, "sent_back"))) {
        const isOver = heard.again && task.item.snapshot.word === "todo";
        return isOver ? isDone(heard, task, "sentBack", "↩️") : notDone(heard, task, "notInReview");
      }
      return isDone(heard, await sendBack(acting, task, reason), "sentBack", "↩️");
    }),
};
