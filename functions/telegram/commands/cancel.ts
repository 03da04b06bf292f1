import type { Command } from "../handler.ts";
import { move } from "./move.ts";
import { withTask } from "./one.ts";

/** Cancels a task. */
export const cancel: Command = {
  name: "cancel",
  also: ["annuler"],
  run: (heard, args) =>
    withTask(heard, "cancel", args, (task, reason) =>
      move(heard, task, { status: "cancelled", reason, what: "cancelled", emoji: "✖️" }),
    ),
};
