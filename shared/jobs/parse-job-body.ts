import type { z } from "zod";
import { formatSchemaIssues } from "../format-schema-issues.ts";
import type { Json } from "../json.ts";
import type { LeasedJob } from "../store/job-operations.ts";

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
 * @param upgrade brings a body that an older version stored to the present schema
 * @throws UnreadableJobError
 */
export function parseJobBody<Body>(
  job: LeasedJob,
  schema: z.ZodType<Body>,
  upgrade: (job: LeasedJob) => Json = ({ body }) => body,
): Body {
  const parsed = schema.safeParse(upgrade(job));
  if (parsed.success) return parsed.data;
  throw new UnreadableJobError(formatSchemaIssues(parsed.error, "the body"), { cause: parsed.error });
}
