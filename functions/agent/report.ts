import { z } from "zod";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { agentSessionSchema } from "./session-schema.ts";
import { defineTool } from "./tool.ts";

/** OPENCLAW-11, 12, 13: what Plane has no fields for, shown on the agent card of the work item. */
export const reportTool = defineTool({
  name: "report",
  description: "Show on a task how far you are (claims it or renews the claim); what you leave out stays as it was.",
  allow: "agent",
  hints: { idempotent: true },
  input: z.object({
    task: z.string(),
    percent: z.number().min(0).max(100).optional(),
    text: z.string().max(2_000).optional().describe("what you are at, one line"),
    confidence: z.number().min(0).max(1).optional(),
    cost: z.number().min(0).max(1_000_000_000).optional().describe("your total on this task so far"),
    session: agentSessionSchema.optional(),
    commit: z.string().max(200).optional(),
    tests: z.string().max(500).optional().describe("their outcome"),
  }),
  output: z.object({
    task: z.string(),
    percent: z.number().optional(),
    text: z.string().optional(),
    confidence: z.number().optional(),
    /** Yours so far, and everybody's on this task where that is more. */
    cost: z.number().optional(),
    cost_in_all: z.number().optional(),
    session: z.string().optional(),
    commit: z.string().optional(),
    tests: z.string().optional(),
    spent_seconds: z.number(),
    /** ISO 8601: your claim runs out then unless you call. */
    held_until: z.string().optional(),
  }),
  async run({ work, caller }, { task, ...changes }) {
    const { key, card, spent, until } = await work.report(task, changes);
    const { percent, text, confidence, session, commit, tests, cost: totalCost } = card;
    const cost = card.costs?.[caller.name];
    return {
      task: key,
      ...omitUndefined({
        percent,
        text,
        confidence,
        cost,
        cost_in_all: totalCost !== undefined && totalCost !== cost ? totalCost : undefined,
        session,
        commit,
        tests,
      }),
      spent_seconds: Math.floor(spent / 1000),
      ...omitUndefined({ held_until: until !== undefined ? new Date(until).toISOString() : undefined }),
    };
  },
});
