import type { Command } from "../handler.ts";
import { move, notDone } from "./move.ts";
import { withTask } from "./one.ts";

/** Lets a task go on that is marked as blocked; what it waits for is still waited for. */
export const unblock: Command = {
  name: "unblock",
  also: ["debloquer"],
  run: (heard, args) =>
    withTask(heard, "unblock", args, async (task, reason) =>
      task.item.snapshot.word === "blocked" || heard.again
        ? move(heard, task, { status: "todo", reason, what: "unblocked", emoji: "🟢" })
        : notDone(heard, task, "notBlocked"),
    ),
};
