import type { z } from "zod";

/** Limit of named issues: 3, because one wrong part of a body often causes many. */
const MAX_ISSUES = 3;

/**
 * Formats why a schema refused a value: `path: message`, separated by semicolons. It contains no part of the value.
 * @param subject the name of the whole value, for an issue without a path
 */
export function formatSchemaIssues(error: z.ZodError, subject: string): string {
  return error.issues
    .slice(0, MAX_ISSUES)
    .map(({ path, message }) => `${path.join(".") || subject}: ${message}`)
    .join("; ");
}
