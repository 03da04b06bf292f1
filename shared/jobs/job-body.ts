/**
 * The body of a job is stored text: every handler parses it with its queue's schema, because a restarted runtime may
 * find what a newer version stored before a downgrade.
 */

import type { z } from "zod";
import { formatSchemaIssues } from "../errors.ts";
import type { LeasedJob } from "../store/port.ts";

/** The stored body of a job has no form that this version knows. The pump makes such a job a dead letter at once. */
export class UnreadableJobError extends Error {
  constructor(details: string, options?: ErrorOptions) {
    super(
      `This version cannot read the stored job (${details}). It may have been written by a newer version.`,
      options,
    );
    this.name = "UnreadableJobError";
  }
}

/**
 * Parses the body of a job with its queue's schema. Every job handler calls it before anything else, because a retry
 * cannot make a body readable.
 * @throws UnreadableJobError
 */
export function parseJobBody<Body>({ body }: Pick<LeasedJob, "body">, schema: z.ZodType<Body>): Body {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw new UnreadableJobError(formatSchemaIssues(parsed.error, "the body"), { cause: parsed.error });
}
