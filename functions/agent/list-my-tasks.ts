import { z } from "zod";
import { taskAnswerSchema } from "./task-answer-schema.ts";
import { defineTool } from "./tool.ts";

/** OPENCLAW-02: lists the caller's open tasks in the order in which to work on them. */
export const listMyTasksTool = defineTool({
  name: "list_my_tasks",
  description: "List your open tasks. Continue or start with the first one.",
  allow: "agent",
  hints: { readOnly: true, idempotent: true },
  input: z.object({
    fresh: z.boolean().optional().describe("read Plane first (slower, rarely needed)"),
  }),
  output: z.object({
    tasks: z.array(taskAnswerSchema),
    /** Seconds since Plane was last read. */
    age_s: z.number(),
    left_out: z.number().optional(),
  }),
  run: ({ work }, { fresh }) => work.list({ fresh }),
});
