import type { Json } from "./rows.ts";

/** Columns that Python keeps as floats: written with `.0` when whole. */
const FLOATS = new Set(["sort_order"]);
const ESCAPES: Record<string, string> = {
  '"': '\\"',
  "\\": "\\\\",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\f": "\\f",
  "\b": "\\b",
};

/** One UTF-16 unit as Python escapes it in JSON. */
export const escapeUnicodeUnit = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;

/** A string as Python's `json.dumps` writes it: ASCII only. */
const toPythonString = (text: string): string =>
  `"${text.replace(/["\\]|[^ -~]/g, (c) => ESCAPES[c] ?? escapeUnicodeUnit(c))}"`;

/** The bytes that Plane signs and sends: Python's `json.dumps` with its default separators. */
export function toPythonJson(value: Json, key = ""): string {
  if (value === null) return "null";
  if (typeof value === "string") return toPythonString(value);
  if (typeof value === "number") return FLOATS.has(key) && Number.isInteger(value) ? `${value}.0` : String(value);
  if (typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return `[${value.map((each) => toPythonJson(each, key)).join(", ")}]`;
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  return `{${entries.map(([name, each]) => `${toPythonString(name)}: ${toPythonJson(each ?? null, name)}`).join(", ")}}`;
}

/** The same value as Python's `str()` shows it, which is what the webhook log keeps. */
export function toPythonRepr(value: Json, key = ""): string {
  if (value === null) return "None";
  if (typeof value === "string")
    return `'${value.replaceAll("\\", "\\\\").replaceAll("'", "\\'").replaceAll("\n", "\\n")}'`;
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "number") return toPythonJson(value, key);
  if (Array.isArray(value)) return `[${value.map((each) => toPythonRepr(each)).join(", ")}]`;
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  return `{${entries.map(([name, each]) => `'${name}': ${toPythonRepr(each ?? null, name)}`).join(", ")}}`;
}
