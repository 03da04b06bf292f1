import type { Json } from "./rows.ts";

/** Columns that Python keeps as floats: written with `.0` when whole. */
const FLOATS = new Set(["sort_order"]);
const SHORT: Record<string, string> = {
  '"': '\\"',
  "\\": "\\\\",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\f": "\\f",
  "\b": "\\b",
};

/** A string as Python's `json.dumps` writes it: ASCII only. */
const quote = (text: string): string =>
  `"${text.replace(/["\\]|[^ -~]/g, (c) => SHORT[c] ?? `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`)}"`;

/** The bytes that Plane signs and sends: Python's `json.dumps` with its default separators. */
export function pythonJson(value: Json, key = ""): string {
  if (value === null) return "null";
  if (typeof value === "string") return quote(value);
  if (typeof value === "number") return FLOATS.has(key) && Number.isInteger(value) ? `${value}.0` : String(value);
  if (typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return `[${value.map((each) => pythonJson(each, key)).join(", ")}]`;
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  return `{${entries.map(([name, each]) => `${quote(name)}: ${pythonJson(each ?? null, name)}`).join(", ")}}`;
}

/** The same value as Python's `str()` shows it, which is what the webhook log keeps. */
export function pythonRepr(value: Json, key = ""): string {
  if (value === null) return "None";
  if (typeof value === "string")
    return `'${value.replaceAll("\\", "\\\\").replaceAll("'", "\\'").replaceAll("\n", "\\n")}'`;
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "number") return pythonJson(value, key);
  if (Array.isArray(value)) return `[${value.map((each) => pythonRepr(each)).join(", ")}]`;
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  return `{${entries.map(([name, each]) => `'${name}': ${pythonRepr(each ?? null, name)}`).join(", ")}}`;
}
