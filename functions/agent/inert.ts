import { cleanedText } from "../../shared/clean.ts";

/** An answer whose every text an agent or a terminal may see: nothing in what people wrote acts or hides. */
export function inert(value: unknown): unknown {
  if (typeof value === "string") return cleanedText(value, Number.POSITIVE_INFINITY);
  if (Array.isArray(value)) return value.map(inert);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inside]) => [name, inert(inside)]));
}
