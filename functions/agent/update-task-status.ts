import { z } from "zod";
import { WORDS } from "../../shared/task/snapshot.ts";
import { session } from "./session.ts";
import { tool } from "./tool.ts";

/** OPENCLAW-04: start, finish or give up a task. */
export const updateTaskStatus = tool({
  name: "update_task_status",
  description:
    "Start (in_progress), finish (done, with a summary as text), block, cancel or give back (todo) your task.",
  allow: "agent",
  hints: { idempotent: true },
  input: z.object({
    task: z.string(),
    status: z.enum(WORDS),
    text: z.string().max(20_000).optional().describe("Markdown, becomes a comment"),
    confidence: z.number().min(0).max(1).optional().describe("in the result, 0.8 by default; low ones are reviewed"),
    cost: z.number().min(0).max(1_000_000_000).optional().describe("so far"),
    session: session.optional(),
    commit: z.string().trim().max(200).optional(),
    tests: z.string().trim().max(500).optional().describe("their outcome"),
  }),
  output: z.object({
    task: z.string(),
    status: z.enum(WORDS),
    /** Finished, and a human looks at it before it is done. */
    in_review: z.literal(true).optional(),
    /** ISO 8601; the caller's claim runs out then unless it calls. */
    held_until: z.string().optional(),
    /** Keys of what it waits for. */
    blocked_by: z.array(z.string()).optional(),
    url: z.string(),
  }),
  async run({ work }, { task, ...change }) {
    const { key, word, inReview, heldUntil, blockers, url } = await work.setStatus(task, change);
    return {
      task: key,
      status: word,
      ...(inReview && { in_review: true as const }),
      ...(heldUntil !== undefined && { held_until: new Date(heldUntil).toISOString() }),
      ...(blockers.length > 0 && { blocked_by: blockers }),
      url,
    };
  },
});
