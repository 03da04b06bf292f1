import { z } from "zod";
import { defineTool } from "./tool.ts";

const count = z.number().optional();

/** OPENCLAW-08: lists the projects with their progress. */
export const listProjectsTool = defineTool({
  name: "list_projects",
  description: "List all projects with their progress, time and cost, and plans that are not complete.",
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
    /** Plans that are not complete, with the steps that are done. */
    plans: z
      .array(
        z.object({
          title: z.string(),
          project: z.string().optional(),
          state: z.enum(["awaiting_approval", "running", "rejected", "failed"]),
          done: z.number(),
          total: z.number(),
          reason: z.string().optional(),
        }),
      )
      .optional(),
    currency: z.string().optional(),
  }),
  run: ({ work }) => work.projects(),
});
