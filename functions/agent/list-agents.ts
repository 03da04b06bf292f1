import { z } from "zod";
import { defineTool } from "./tool.ts";

/** OPENCLAW-08: lists the agents to which work can be assigned. */
export const listAgentsTool = defineTool({
  name: "list_agents",
  description:
    "List all agents: their skills, open and blocked tasks, and the speed, cost and confidence of their past work.",
  allow: "concierge",
  hints: { readOnly: true, idempotent: true },
  input: z.object({}),
  output: z.object({
    agents: z.array(
      z.object({
        name: z.string(),
        role: z.enum(["concierge", "worker"]),
        about: z.string().optional(),
        open: z.number(),
        blocked: z.number(),
        /** Keys of the tasks it has claimed. */
        holds: z.array(z.string()),
        /** Medians over its finished tasks, and its mean confidence. */
        past: z.object({
          finished: z.number(),
          minutes: z.number().optional(),
          cost: z.number().optional(),
          confidence: z.number().optional(),
        }),
      }),
    ),
  }),
  run: async ({ work }) => ({ agents: await work.team() }),
});
