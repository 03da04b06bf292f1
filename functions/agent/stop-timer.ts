import { z } from "zod";
import { tool } from "./tool.ts";

/** OPENCLAW-06: the end of a timer, which the end of a claim is as well. */
export const stopTimer = tool({
  name: "stop_timer",
  description: "Stop your timer on a task.",
  allow: "agent",
  hints: { idempotent: true },
  input: z.object({ task: z.string() }),
  output: z.object({
    task: z.string(),
    running: z.literal(false),
    /** False: none was running. */
    stopped: z.boolean(),
    /** ISO 8601, of the run that is over, or of the last one. */
    from: z.string().optional(),
    to: z.string().optional(),
    /** All your time on it. */
    spent_seconds: z.number(),
    note: z.string().optional(),
  }),
  async run({ work }, { task }) {
    const { key, stopped, spent, from, to } = await work.stopTimer(task);
    return {
      task: key,
      running: false as const,
      stopped,
      ...(from !== undefined && { from: new Date(from).toISOString() }),
      ...(to !== undefined && { to: new Date(to).toISOString() }),
      spent_seconds: Math.floor(spent / 1000),
      ...(!stopped && { note: noteFor(from, to) }),
    };
  },
});

function noteFor(from: number | undefined, to: number | undefined): string {
  if (from === undefined) return "You have no timer on this task: start_timer starts one.";
  return to === undefined ? "Its claim is over, and it stopped with that." : "No timer was running; this was the last.";
}
