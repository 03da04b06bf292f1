import { z } from "zod";
import { defineTool } from "./tool.ts";

/** OPENCLAW-05: comments of an agent on a task. */
export const addCommentTool = defineTool({
  name: "add_comment",
  description: "Comment on your task in Markdown. Set critical to notify the human at once.",
  allow: "agent",
  hints: { idempotent: true },
  input: z.object({
    task: z.string(),
    text: z.string().min(1).max(20_000),
    kind: z.enum(["progress", "error", "question", "note"]).optional(),
    percent: z.number().min(0).max(100).optional(),
    critical: z.boolean().optional(),
  }),
  output: z.object({ task: z.string(), comment: z.string(), url: z.string() }),
  run: ({ work }, { task, ...comment }) => work.comment(task, comment),
});
