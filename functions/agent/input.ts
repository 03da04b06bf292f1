import type { z } from "zod";
import { nearestName } from "../../shared/config/nearest.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import type { Tool } from "./tool.ts";

/**
 * A tool's input, parsed. A name the tool does not know is refused with the one that was probably meant, or what it
 * holds would be lost in silence. `null` where it means nothing is left out: models write it for "not given".
 */
export function parseInput({ name, input }: Tool, given: unknown): Record<string, unknown> {
  if (typeof given !== "object" || given === null || Array.isArray(given))
    throw new GroundcrewError("bad_request", `${name} takes a JSON object, for example {"task": "ONB-12"}.`);
  const known = Object.keys(input.shape);
  for (const field of Object.keys(given)) {
    if (!known.includes(field)) throw unknown(name, field, known);
  }
  const present = Object.entries(given).filter(
    ([field, value]) => value !== null || input.shape[field]?.safeParse(null).success,
  );
  const parsed = input.safeParse(Object.fromEntries(present));
  if (parsed.success) return parsed.data;
  const told = parsed.error.issues.map((issue) => problem(issue, present));
  throw new GroundcrewError("bad_request", `${name}: ${told.slice(0, 5).join("; ")}.`);
}

function unknown(tool: string, field: string, known: readonly string[]): GroundcrewError {
  const shown = field.slice(0, 40);
  if (known.length === 0) return new GroundcrewError("bad_request", `${tool} takes no "${shown}", or anything else.`);
  const nearest = nearestName(shown, known);
  const hint = nearest ? `Did you mean ${nearest}? ` : "";
  return new GroundcrewError("bad_request", `${tool} does not know "${shown}". ${hint}It takes ${known.join(", ")}.`);
}

function problem({ path, message }: z.core.$ZodIssue, present: readonly [string, unknown][]): string {
  const [field] = path;
  if (path.length === 1 && !present.some(([name]) => name === field)) return `${String(field)} is missing`;
  return `${path.join(".")}: ${message}`;
}
