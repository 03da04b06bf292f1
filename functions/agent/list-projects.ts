import { z } from "zod";
import { defineTool } from "./tool.ts";

const count = z.number().optional();

/** OPENCLAW-08: lists the projects with their progress. */
export const listProjectsTool = defineTool({
  name: "list_projects",
  description: "List all projects with their progress, time and cost.",
  allow: "concierge",
  hints: { readOnly: true, idempotent: true },
  input: z.object({}),
  output: z.object({
    projects: z.array(
      z.object({
        project: z.string(),
        name: z.string(),
        total: z.number(),
        /** Done or cancelled. */
        closed: z.number(),
        in_progress: count,
        blocked: count,
        in_review: count,
        spent_s: count,
        /** In `currency`. */
        cost: count,
      }),
    ),
    currency: z.string().optional(),
  }),
  run: ({ work }) => work.projects(),
});
