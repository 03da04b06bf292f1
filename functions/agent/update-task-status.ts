import { z } from "zod";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { STATUSES } from "../../shared/task/snapshot.ts";
import { agentSessionSchema } from "./session-schema.ts";
import { defineTool } from "./tool.ts";

/** OPENCLAW-04: starts, finishes, blocks, cancels or returns a task. */
export const updateTaskStatusTool = defineTool({
  name: "update_task_status",
  description: "Start (in_progress), finish (done, with a summary as text), block, cancel or return (todo) your task.",
  allow: "agent",
  hints: { idempotent: true },
  input: z.object({
    task: z.string(),
    status: z.enum(STATUSES),
    text: z.string().max(20_000).optional().describe("Markdown; becomes a comment"),
    confidence: z.number().min(0).max(1).optional().describe("in the result; default 0.8; low values are reviewed"),
    cost: z.number().min(0).max(1_000_000_000).optional().describe("your total so far"),
    session: agentSessionSchema.optional(),
    commit: z.string().trim().max(200).optional(),
    tests: z.string().trim().max(500).optional().describe("test results"),
  }),
  output: z.object({
    task: z.string(),
    status: z.enum(STATUSES),
    /** The work is finished, and a human reviews it before the task is done. */
    in_review: z.literal(true).optional(),
    /** ISO 8601: the caller's claim expires then unless a call renews it. */
    held_until: z.string().optional(),
    /** Keys of the open blockers. */
    blocked_by: z.array(z.string()).optional(),
    url: z.string(),
  }),
  async run({ work }, { task, ...change }) {
    const { key, word: status, inReview, heldUntil, blockers, url } = await work.setStatus(task, change);
    return {
      task: key,
      status,
      ...omitUndefined({
        in_review: inReview ? (true as const) : undefined,
        held_until: heldUntil !== undefined ? work.formatTime(heldUntil) : undefined,
        blocked_by: blockers.length > 0 ? blockers : undefined,
      }),
      url,
    };
  },
});
