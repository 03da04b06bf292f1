import { z } from "zod";
import { PRIORITIES } from "../../shared/task/snapshot.ts";
import { taskAnswerSchema } from "./task-answer-schema.ts";
import { defineTool } from "./tool.ts";

/** OPENCLAW-08: one more task. */
export const createTaskTool = defineTool({
  name: "create_task",
  description: "Make one task in a project; the same call again is the same task.",
  allow: "concierge",
  hints: { idempotent: true },
  input: z.object({
    project: z.string().describe("identifier or name"),
    title: z.string(),
    description: z.string().optional().describe("Markdown"),
    assignee: z.string().optional().describe("agent, or a person's e-mail"),
    priority: z.enum(PRIORITIES).optional(),
    due_date: z.string().optional().describe("YYYY-MM-DD"),
    blocked_by: z.array(z.string()).optional().describe("keys"),
  }),
  output: taskAnswerSchema,
  run: ({ work }, newTask) => work.create(newTask),
});
