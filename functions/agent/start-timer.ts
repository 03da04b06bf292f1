import { z } from "zod";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { defineTool } from "./tool.ts";

/** OPENCLAW-06: time on a task, taken by the bridge. */
export const startTimerTool = defineTool({
  name: "start_timer",
  description: "Start taking your time on a task (claims it); it stops with stop_timer or when your claim ends.",
  allow: "agent",
  hints: { idempotent: true },
  input: z.object({ task: z.string() }),
  output: z.object({
    task: z.string(),
    running: z.literal(true),
    /** ISO 8601. */
    since: z.string(),
    /** It was running before this call. */
    already: z.literal(true).optional(),
    /** All your time on it so far. */
    spent_seconds: z.number(),
  }),
  async run({ work }, { task }) {
    const { key, since, already, spent } = await work.startTimer(task);
    return {
      task: key,
      running: true as const,
      since: new Date(since).toISOString(),
      ...omitUndefined({ already: already ? (true as const) : undefined }),
      spent_seconds: Math.floor(spent / 1000),
    };
  },
});
