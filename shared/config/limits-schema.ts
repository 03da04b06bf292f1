/** The schema of what agents may do and spend: limits of an hour, and the budget of a month. */

import { z } from "zod";

/** The budget of a calendar month. */
export const budgetSchema = z.strictObject({
  amount: z.number().positive().describe("the cost that a calendar month may reach").meta({
    meaning:
      "Cost that a calendar month may reach: what is spent, and estimates of open tasks. Planning warns above it, and 80 and 100 % are notified.",
  }),
  stop: z
    .boolean()
    .default(false)
    .describe("true or false: no agent is woken and no ticket starts above the amount until a person agrees")
    .meta({ meaning: "Once the amount is spent, no agent is woken and no ticket starts until a person agrees." }),
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/)
    .default("EUR")
    .describe("three capital letters, for example EUR")
    .meta({ meaning: "Currency of all costs." }),
});

const limitSchema = (meaning: string) => z.int().positive().describe("a whole number above 0").meta({ meaning });

/** What an agent may do in an hour. */
const limitsShape = {
  wakes: limitSchema("Wakes of an agent in an hour; comments of people outside of the team may cause a third of them."),
  comments: limitSchema("Comments, questions, messages and files of an agent in an hour."),
  calls: limitSchema("Calls of an agent in an hour."),
  cost: z.number().positive().exactOptional().describe("a cost in the budget's currency").meta({
    meaning: "Cost of an agent in an hour, where it is known. Default: no limit.",
  }),
};

/** Limits of an hour; an absent one does not limit. */
export type LimitSettings = { [K in keyof typeof limitsShape]?: number | undefined };

/** The limits of all agents. */
export const limitsSchema = z
  .strictObject({
    ...limitsShape,
    wakes: limitsShape.wakes.default(30),
    comments: limitsShape.comments.default(60),
    calls: limitsShape.calls.default(1200),
  })
  .prefault({})
  .meta({ meaning: "What each agent may do in an hour. Above it, it is refused, and a person is asked once." });

/** The limits of one agent, where they differ. */
export const ownLimitsSchema = z
  .strictObject(limitsShape)
  .partial()
  .optional()
  .meta({ meaning: "What this agent may do in an hour. Default: that of all." });
