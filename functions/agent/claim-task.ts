import { z } from "zod";
import { formatIsoTime } from "../../shared/time.ts";
import { defineTool } from "./tool.ts";

/** The right to work on a task, for one agent at a time; starting a task claims it, too. */
export const claimTaskTool = defineTool({
  name: "claim_task",
  description: "Claim one of your tasks, so that nobody else works on it; any call about it renews the claim.",
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
    return { task: key, since: formatIsoTime(since), until: formatIsoTime(until) };
  },
});
