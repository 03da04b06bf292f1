import { z } from "zod";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { defineTool } from "./tool.ts";

/** OPENCLAW-06: stops a timer. The end of a claim stops it as well. */
export const stopTimerTool = defineTool({
  name: "stop_timer",
  description: "Stop your timer while you keep the task but do not work on it, until start_timer.",
  allow: "agent",
  hints: { idempotent: true },
  input: z.object({ task: z.string() }),
  output: z.object({
    task: z.string(),
    running: z.literal(false),
    /** False when no timer was running. */
    stopped: z.boolean(),
    /** ISO 8601: the entry that was stopped, or the caller's last one. */
    from: z.string().optional(),
    to: z.string().optional(),
    /** The caller's total time on the task. */
    spent_seconds: z.number(),
    note: z.string().optional(),
  }),
  async run({ work }, { task }) {
    const { key, stopped, spent, from, to } = await work.stopTimer(task);
    return {
      task: key,
      running: false as const,
      stopped,
      ...omitUndefined({
        from: from !== undefined ? work.formatTime(from) : undefined,
        to: to !== undefined ? work.formatTime(to) : undefined,
      }),
      spent_seconds: Math.floor(spent / 1000),
      ...omitUndefined({ note: !stopped ? formatTimerNote(from, to) : undefined }),
    };
  },
});

function formatTimerNote(from: number | undefined, to: number | undefined): string {
  if (from === undefined) return "You have no timer on this task. Start one with start_timer.";
  return to === undefined
    ? "Your claim has ended, and the timer stopped with it."
    : "No timer was running; this is your last entry.";
}
