import type { Json } from "./rows.ts";

/** Columns that are floats in Python, which writes whole numbers with `.0`. */
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

/** Formats JSON as Plane signs and sends it: like Python's `json.dumps` with its default separators. */
export function toPythonJson(value: Json, key = ""): string {
  if (value === null) return "null";
  if (typeof value === "string") return toPythonString(value);
  if (typeof value === "number") return FLOATS.has(key) && Number.isInteger(value) ? `${value}.0` : String(value);
  if (typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return `[${value.map((each) => toPythonJson(each, key)).join(", ")}]`;
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  return `{${entries.map(([name, each]) => `${toPythonString(name)}: ${toPythonJson(each ?? null, name)}`).join(", ")}}`;
}

/** Formats a value like Python's `str()`, as Plane's webhook log stores it. */
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
