import type { Json } from "../json.ts";

/** Returns the fields of a body that a version before 0.2.0 wrote without a `type`; undefined for every other body. */
export function getUntypedFields(body: Json): { [field: string]: Json | undefined } | undefined {
  const isObject = typeof body === "object" && body !== null && !Array.isArray(body);
  return isObject && !("type" in body) ? body : undefined;
}
