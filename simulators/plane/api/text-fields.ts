import { createFieldError } from "../api-error.ts";
import type { Json, JsonObject } from "../rows.ts";

/** Plane ignores an optional text of another type. */
export const toTextOrNull = (value: Json | undefined): string | null => (typeof value === "string" ? value : null);

/** A text that must be there, as it was sent; `maxLength` counts characters. Throws Plane's 400 for this field. */
export function parseRequiredText(body: JsonObject, name: string, maxLength: number): string {
  const value = body[name];
  if (value === undefined) throw createFieldError(name, "This field is required.");
  if (typeof value !== "string") throw createFieldError(name, "Not a valid string.");
  if (value.trim() === "") throw createFieldError(name, "This field may not be blank.");
  if ([...value].length > maxLength)
    throw createFieldError(name, `Ensure this field has no more than ${maxLength} characters.`);
  return value;
}
