import { z } from "zod";
import { PRIORITIES } from "../../shared/task/snapshot.ts";
import { estimateSchema } from "./estimate-schema.ts";
import { taskAnswerSchema } from "./task-answer-schema.ts";
import { defineTool } from "./tool.ts";

/** OPENCLAW-08: creates one task. */
export const createTaskTool = defineTool({
  name: "create_task",
  description: "Create a task in a project. Idempotent: repeating the call returns the same task.",
  allow: "concierge",
  hints: { idempotent: true },
  input: z.object({
    project: z.string().describe("identifier or name"),
    title: z.string(),
    description: z.string().optional().describe("Markdown"),
    assignee: z.string().optional().describe("agent name or a person's e-mail"),
    priority: z.enum(PRIORITIES).optional(),
    due_date: z.string().optional().describe("YYYY-MM-DD"),
    blocked_by: z.array(z.string()).optional().describe("task keys"),
    estimate: estimateSchema.optional(),
    cycle: z.string().optional(),
    module: z.string().optional(),
  }),
  output: taskAnswerSchema,
  run: ({ work }, newTask) => work.create(newTask),
});
