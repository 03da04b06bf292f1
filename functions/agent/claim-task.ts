import { z } from "zod";
import { defineTool } from "./tool.ts";

/** Gives one agent at a time the right to work on a task. Starting a task claims it as well. */
export const claimTaskTool = defineTool({
  name: "claim_task",
  description: "Claim one of your tasks so that no other agent works on it. Any call about the task renews the claim.",
  allow: "agent",
  hints: { idempotent: true },
  input: z.object({ task: z.string().describe("key, such as ONB-12") }),
  output: z.object({
    task: z.string(),
    /** ISO 8601. */
    since: z.string(),
    until: z.string(),
  }),
  async run({ work }, { task }) {
    const { key, since, until } = await work.claim(task);
    return { task: key, since: work.formatTime(since), until: work.formatTime(until) };
  },
});
