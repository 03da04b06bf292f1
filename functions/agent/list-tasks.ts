import { z } from "zod";
import { PRIORITIES, STATUSES } from "../../shared/task/snapshot.ts";
import { defineTool } from "./tool.ts";

/** OPENCLAW-08: searches the tasks of all agents, so that the Concierge can watch its plans. */
export const listTasksTool = defineTool({
  name: "list_tasks",
  description: "Search the tasks of all projects and agents. Without filters: all open tasks.",
  allow: "concierge",
  hints: { readOnly: true, idempotent: true },
  input: z.object({
    project: z.string().optional(),
    status: z.enum([...STATUSES, "open", "all"]).optional(),
    agent: z.string().optional().describe("name, or none"),
    text: z.string().max(200).optional().describe("words of the title"),
    after: z.string().optional().describe("next of the previous page"),
  }),
  output: z.object({
    tasks: z.array(
      z.object({
        key: z.string(),
        title: z.string(),
        status: z.enum(STATUSES),
        priority: z.enum(PRIORITIES).optional(),
        /** `YYYY-MM-DD` */
        due: z.string().optional(),
        agents: z.array(z.string()).optional(),
        held_by: z.string().optional(),
        in_review: z.literal(true).optional(),
        /** Keys of the open blockers; null while they are not known. */
        blocked_by: z.array(z.string()).nullable().optional(),
      }),
    ),
    /** Number of all matching tasks. */
    total: z.number(),
    next: z.string().optional(),
  }),
  run: ({ work }, filters) => work.search(filters),
});
