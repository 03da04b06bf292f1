import { z } from "zod";
import { defineTool } from "./tool.ts";

/** OPENCLAW-08: who there is to do the work. */
export const listAgentsTool = defineTool({
  name: "list_agents",
  description: "All agents: what they are good at, what they have to do, how fast and sure they were.",
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
        /** Keys of what it is at. */
        holds: z.array(z.string()),
        /** Medians of its finished tasks, and its mean confidence. */
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
