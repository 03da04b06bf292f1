import type { Command } from "../handler.ts";
import { move } from "./move.ts";
import { withTask } from "./one.ts";

/** Marks a task as blocked. */
export const block: Command = {
  name: "block",
  also: ["bloquer"],
  run: (heard, args) =>
    withTask(heard, "block", args, (task, reason) =>
      move(heard, task, { status: "blocked", reason, what: "blocked", emoji: "⛔" }),
    ),
};
