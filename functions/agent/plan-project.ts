import { z } from "zod";
import { PRIORITIES } from "../../shared/task/snapshot.ts";
import { estimateSchema } from "./estimate-schema.ts";
import { defineTool } from "./tool.ts";

const plannedTaskSchema = z.strictObject({
  id: z.string().describe("your name for the task in this plan"),
  title: z.string(),
  description: z.string().optional(),
  assignee: z.string().optional(),
  priority: z.enum(PRIORITIES).optional(),
  due_date: z.string().optional(),
  blocked_by: z.array(z.string()).optional().describe("ids of this plan or task keys"),
  estimate: estimateSchema.optional(),
  cycle: z.string().optional().describe("name; created if new"),
  module: z.string().optional().describe("name; created if new"),
});

/** OPENCLAW-08, 11, 14, 17: creates a project with its tasks and dependencies in one call. */
export const planProjectTool = defineTool({
  name: "plan_project",
  description:
    "Create a whole plan: project, tasks, dependencies, assignees. Finishes by itself: agents see no task until remaining is 0. Idempotent. For a person's wish, it awaits approval first.",
  allow: "concierge",
  hints: { idempotent: true },
  input: z.object({
    project: z.string().describe("an existing project or the name of a new one"),
    description: z.string().optional(),
    identifier: z.string().optional(),
    tasks: z.array(plannedTaskSchema),
    cycles: z
      .array(z.strictObject({ name: z.string(), start_date: z.string().optional(), end_date: z.string().optional() }))
      .optional()
      .describe("dates of new cycles"),
    wish: z.string().optional().describe("id of the wish; default: your open one"),
    dry_run: z.boolean().optional().describe("only check the plan and return its problems"),
  }),
  output: z.object({
    /** `ONB`; absent until the project has been created. */
    project: z.string().optional(),
    /** In topological order: blockers before their dependants. */
    tasks: z.array(
      z.object({
        id: z.string(),
        key: z.string().optional(),
        title: z.string(),
        assignee: z.string().optional(),
        blocked_by: z.array(z.string()),
      }),
    ),
    /** Keys of the tasks that have been created in Plane. */
    done: z.array(z.string()),
    /** Remaining steps, about one per second; 0 when the plan is complete. */
    remaining: z.number(),
    awaiting_approval: z.literal(true).optional(),
    /** Seconds. */
    retry_after: z.number().optional(),
    problems: z.array(z.string()),
    warnings: z.array(z.string()),
    /** `open`: estimated cost of the open tasks. `unknown`: number of tasks of agents that have no estimate because there is not enough history. */
    cost: z.object({
      estimated: z.number(),
      unknown: z.number(),
      spent: z.number().optional(),
      open: z.number().optional(),
      budget: z.number().optional(),
      currency: z.string().optional(),
    }),
  }),
  run: ({ work }, plan) => work.plan(plan),
});
