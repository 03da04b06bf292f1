import { z } from "zod";
import type { PlanePage } from "./client.ts";

/** Plane's ids are UUIDs of any version and variant. */
export const planeIdSchema = z.guid();

/**
 * A secret that Plane generated: printable ASCII without spaces, as in an HTTP header. With line breaks it could add
 * lines to an environment file.
 */
export const planeSecretSchema = z.string().regex(/^[\x21-\x7e]{0,1000}$/, "expected printable ASCII without spaces");

/** A day, `YYYY-MM-DD`. */
export const planeDaySchema = z.string().regex(/^\d{4}-\d{2}-\d{2}$/, "expected YYYY-MM-DD");

/** The empty answer of a call (204). */
export const noContentSchema = z.undefined();

/** One page of a list, with the cursor of the next one. */
export function createPageSchema<R>(row: z.ZodType<R>): z.ZodType<PlanePage<R>> {
  return z.object({
    results: z.array(row),
    total_count: z.int().nonnegative(),
    next_cursor: z.string(),
    next_page_results: z.boolean(),
  });
}

/** The answer of a call that redirects (302): the target of the redirect. */
export const redirectSchema = z.object({ location: z.string().min(1) });
