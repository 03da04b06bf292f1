import { z } from "zod";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { agentSessionSchema } from "./session-schema.ts";
import { defineTool } from "./tool.ts";

/** OPENCLAW-11, 12, 13: values for which Plane has no fields, shown on the agent card of the work item. */
export const reportTool = defineTool({
  name: "report",
  description: "Report your progress on a task (claims it or renews the claim). Fields you omit keep their values.",
  allow: "agent",
  hints: { idempotent: true },
  input: z.object({
    task: z.string(),
    percent: z.number().min(0).max(100).optional(),
    text: z.string().max(2_000).optional().describe("current activity, one line"),
    confidence: z.number().min(0).max(1).optional(),
    cost: z.number().min(0).max(1_000_000_000).optional().describe("your total on this task so far"),
    session: agentSessionSchema.optional(),
    commit: z.string().max(200).optional(),
    tests: z.string().max(500).optional().describe("test results"),
  }),
  output: z.object({
    task: z.string(),
    percent: z.number().optional(),
    text: z.string().optional(),
    confidence: z.number().optional(),
    /** The caller's total so far. `cost_in_all` is the total of all agents on this task, where it differs. */
    cost: z.number().optional(),
    cost_in_all: z.number().optional(),
    session: z.string().optional(),
    commit: z.string().optional(),
    tests: z.string().optional(),
    spent_seconds: z.number(),
    /** ISO 8601: the caller's claim expires then unless a call renews it. */
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
      ...omitUndefined({ held_until: until !== undefined ? work.formatTime(until) : undefined }),
    };
  },
});
