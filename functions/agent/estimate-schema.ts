import { z } from "zod";

/** What a new task is expected to take: minutes of work, and its cost in the budget's currency. */
export const estimateSchema = z.strictObject({
  minutes: z.number().nonnegative().optional(),
  cost: z.number().nonnegative().optional(),
});
