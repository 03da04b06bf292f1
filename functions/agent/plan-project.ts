import { z } from "zod";
import { PRIORITIES } from "../../shared/task/snapshot.ts";
import { defineTool } from "./tool.ts";

const plannedTaskSchema = z.strictObject({
  id: z.string().describe("your own name for it in this plan"),
  title: z.string(),
  description: z.string().optional(),
  assignee: z.string().optional(),
  priority: z.enum(PRIORITIES).optional(),
  due_date: z.string().optional(),
  blocked_by: z.array(z.string()).optional().describe("ids of this plan, or keys"),
  estimate: z
    .strictObject({ minutes: z.number().nonnegative().optional(), cost: z.number().nonnegative().optional() })
    .optional(),
});

/** OPENCLAW-08, 11, 14, 17: everything a goal needs, in one call. */
export const planProjectTool = defineTool({
  name: "plan_project",
  description:
    "Make a whole plan: project, tasks, dependencies, assignees. While remaining is not 0, repeat the same call after retry_after seconds.",
  allow: "concierge",
  hints: { idempotent: true },
  input: z.object({
    project: z.string().describe("an existing project, or the name of a new one"),
    description: z.string().optional(),
    identifier: z.string().optional(),
    tasks: z.array(plannedTaskSchema),
    dry_run: z.boolean().optional().describe("only show the plan with its problems"),
  }),
  output: z.object({
    /** `ONB`; absent while the project is still to be made. */
    project: z.string().optional(),
    /** In the order in which they can be done. */
    tasks: z.array(
      z.object({
        id: z.string(),
        key: z.string().optional(),
        title: z.string(),
        assignee: z.string().optional(),
        blocked_by: z.array(z.string()),
      }),
    ),
    /** Keys of the tasks that are in Plane. */
    done: z.array(z.string()),
    /** Steps still to be made, about one a second; 0: the plan stands. */
    remaining: z.number(),
    /** Seconds. */
    retry_after: z.number().optional(),
    problems: z.array(z.string()),
    warnings: z.array(z.string()),
    /** `unknown`: how many tasks of agents are not in it, for want of history. */
    cost: z.object({
      estimated: z.number(),
      unknown: z.number(),
      spent: z.number().optional(),
      budget: z.number().optional(),
      currency: z.string().optional(),
    }),
  }),
  run: ({ work }, plan) => work.plan(plan),
});
