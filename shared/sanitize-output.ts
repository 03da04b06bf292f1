import { cleanText } from "./clean-text.ts";

/**
 * Removes control and bidirectional characters from every text of an answer: texts that people wrote must not act on a
 * terminal, hide parts from an agent, or look different on the page.
 */
export function sanitizeOutput(value: unknown): unknown {
  if (typeof value === "string") return cleanText(value, Number.POSITIVE_INFINITY);
  if (Array.isArray(value)) return value.map(sanitizeOutput);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inside]) => [name, sanitizeOutput(inside)]));
}
