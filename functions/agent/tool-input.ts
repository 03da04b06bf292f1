import type { z } from "zod";
import { GroundcrewError } from "../../shared/errors.ts";
import { findNearestName } from "../../shared/nearest-name.ts";
import type { Tool } from "./tool.ts";

/**
 * A tool's input, parsed. A name the tool does not know is refused with the one that was probably meant, or what it
 * holds would be lost in silence. `null` where it means nothing is left out: models write it for "not given".
 */
export function parseToolInput({ name, input }: Tool, rawInput: unknown): Record<string, unknown> {
  if (typeof rawInput !== "object" || rawInput === null || Array.isArray(rawInput))
    throw new GroundcrewError("bad_request", `${name} takes a JSON object, for example {"task": "ONB-12"}.`);
  const known = Object.keys(input.shape);
  for (const field of Object.keys(rawInput)) {
    if (!known.includes(field)) throw createUnknownFieldError(name, field, known);
  }
  const present = Object.entries(rawInput).filter(
    ([field, value]) => value !== null || input.shape[field]?.safeParse(null).success,
  );
  const parsed = input.safeParse(Object.fromEntries(present));
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => formatIssue(issue, present));
  throw new GroundcrewError("bad_request", `${name}: ${problems.slice(0, 5).join("; ")}.`);
}

function createUnknownFieldError(tool: string, field: string, known: readonly string[]): GroundcrewError {
  const fieldName = field.slice(0, 40);
  if (known.length === 0)
    return new GroundcrewError("bad_request", `${tool} takes no "${fieldName}", or anything else.`);
  const nearest = findNearestName(fieldName, known);
  const hint = nearest ? `Did you mean ${nearest}? ` : "";
  return new GroundcrewError(
    "bad_request",
    `${tool} does not know "${fieldName}". ${hint}It takes ${known.join(", ")}.`,
  );
}

function formatIssue({ path, message }: z.core.$ZodIssue, present: readonly [string, unknown][]): string {
  const [field] = path;
  if (path.length === 1 && !present.some(([name]) => name === field)) return `${String(field)} is missing`;
  return `${path.join(".")}: ${message}`;
}
