import { z } from "zod";
import { PRIORITIES } from "../../shared/task/snapshot.ts";
import { taskAnswerSchema } from "./task-answer-schema.ts";
import { defineTool } from "./tool.ts";

const day = z.string().nullable().optional();

/** OPENCLAW-08: changes a task of a plan. Its status is changed with update_task_status. */
export const updateTaskTool = defineTool({
  name: "update_task",
  description: "Change fields of a task. Fields you omit stay; null removes a value. Cancel with update_task_status.",
  allow: "concierge",
  hints: { idempotent: true },
  input: z.object({
    task: z.string(),
    title: z.string().optional(),
    text: z.string().optional().describe("whole description, Markdown"),
    assignee: z.string().nullable().optional(),
    priority: z.enum(PRIORITIES).optional(),
    start_date: day,
    due_date: day,
    add_blockers: z.array(z.string()).max(50).optional().describe("task keys"),
    remove_blockers: z.array(z.string()).max(50).optional(),
    cycle: z.string().optional(),
    module: z.string().optional(),
  }),
  output: taskAnswerSchema,
  run: ({ work }, { task, ...changes }) => work.update(task, changes),
});
