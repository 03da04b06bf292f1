import { z } from "zod";
import type { PlanePage } from "./client.ts";

/** Plane's ids are UUIDs; versions and variants are its own business. */
export const planeIdSchema = z.guid();

/** A day, `YYYY-MM-DD`. */
export const planeDaySchema = z.string().regex(/^\d{4}-\d{2}-\d{2}$/, "expected YYYY-MM-DD");

/** The answer of a call that answers with nothing (204). */
export const noContentSchema = z.undefined();

/** One page of a list, with what is needed to go on to the next. */
export function createPageSchema<R>(row: z.ZodType<R>): z.ZodType<PlanePage<R>> {
  return z.object({
    results: z.array(row),
    total_count: z.int().nonnegative(),
    next_cursor: z.string(),
    next_page_results: z.boolean(),
  });
}

/** Where a redirect leads: what a call that answers 302 is parsed from. */
export const redirectSchema = z.object({ location: z.string().min(1) });
