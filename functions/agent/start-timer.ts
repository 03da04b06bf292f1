import { z } from "zod";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { defineTool } from "./tool.ts";

/** OPENCLAW-06: starts a timer, so that Groundcrew measures the time an agent spends on a task. */
export const startTimerTool = defineTool({
  name: "start_timer",
  description:
    "Start your timer again (claims the task). It runs by itself while your task is in progress, and stops with your claim.",
  allow: "agent",
  hints: { idempotent: true },
  input: z.object({ task: z.string() }),
  output: z.object({
    task: z.string(),
    running: z.literal(true),
    /** ISO 8601. */
    since: z.string(),
    /** Whether the timer was running before this call. */
    already: z.literal(true).optional(),
    /** The caller's total time on the task so far. */
    spent_seconds: z.number(),
  }),
  async run({ work }, { task }) {
    const { key, since, already, spent } = await work.startTimer(task);
    return {
      task: key,
      running: true as const,
      since: work.formatTime(since),
      ...omitUndefined({ already: already ? (true as const) : undefined }),
      spent_seconds: Math.floor(spent / 1000),
    };
  },
});
