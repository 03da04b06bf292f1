import { cleanText } from "../../shared/clean-text.ts";

/** An answer whose every text an agent or a terminal may see: nothing in what people wrote acts or hides. */
export function sanitizeOutput(value: unknown): unknown {
  if (typeof value === "string") return cleanText(value, Number.POSITIVE_INFINITY);
  if (Array.isArray(value)) return value.map(sanitizeOutput);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inside]) => [name, sanitizeOutput(inside)]));
}
