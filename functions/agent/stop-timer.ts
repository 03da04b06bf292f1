import { z } from "zod";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { defineTool } from "./tool.ts";

/** OPENCLAW-06: the end of a timer, which the end of a claim is as well. */
export const stopTimerTool = defineTool({
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
      ...omitUndefined({
        from: from !== undefined ? new Date(from).toISOString() : undefined,
        to: to !== undefined ? new Date(to).toISOString() : undefined,
      }),
      spent_seconds: Math.floor(spent / 1000),
      ...omitUndefined({ note: !stopped ? formatTimerNote(from, to) : undefined }),
    };
  },
});

function formatTimerNote(from: number | undefined, to: number | undefined): string {
  if (from === undefined) return "You have no timer on this task: start_timer starts one.";
  return to === undefined ? "Its claim is over, and it stopped with that." : "No timer was running; this was the last.";
}
