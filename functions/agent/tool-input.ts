import type { z } from "zod";
import { GroundcrewError } from "../../shared/errors.ts";
import { findNearestName } from "../../shared/nearest-name.ts";
import type { Tool } from "./tool.ts";

/**
 * Parses the input of a tool. An unknown field is refused with the name that was probably meant; otherwise its value
 * would be lost silently. `null` is dropped where the schema does not allow it: models write it for a field they omit.
 * Throws `bad_request`.
 */
export function parseToolInput({ name, input }: Tool, rawInput: unknown): Record<string, unknown> {
  if (typeof rawInput !== "object" || rawInput === null || Array.isArray(rawInput))
    throw new GroundcrewError("bad_request", `${name} takes a JSON object, such as {"task": "ONB-12"}.`);
  const knownFields = Object.keys(input.shape);
  for (const field of Object.keys(rawInput)) {
    if (!knownFields.includes(field)) throw createUnknownFieldError(name, field, knownFields);
  }
  const present = Object.entries(rawInput).filter(
    ([field, value]) => value !== null || input.shape[field]?.safeParse(null).success,
  );
  const parsed = input.safeParse(Object.fromEntries(present));
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => formatIssue(issue, present));
  throw new GroundcrewError("bad_request", `${name}: ${problems.slice(0, 5).join("; ")}.`);
}

function createUnknownFieldError(tool: string, field: string, knownFields: readonly string[]): GroundcrewError {
  const fieldName = field.slice(0, 40);
  if (knownFields.length === 0)
    return new GroundcrewError("bad_request", `${tool} has no field "${fieldName}". It takes no input.`);
  const nearest = findNearestName(fieldName, knownFields);
  const hint = nearest ? `Did you mean ${nearest}? ` : "";
  return new GroundcrewError(
    "bad_request",
    `${tool} has no field "${fieldName}". ${hint}Its fields: ${knownFields.join(", ")}.`,
  );
}

function formatIssue({ path, message }: z.core.$ZodIssue, present: readonly [string, unknown][]): string {
  const [field] = path;
  if (path.length === 1 && !present.some(([name]) => name === field)) return `${String(field)} is missing`;
  return `${path.join(".")}: ${message}`;
}
