import { cleanedText } from "../../shared/clean.ts";

type Fields = Record<string, unknown>;

/** An answer as JSON in one line; what a terminal would act upon stands in it as `\uXXXX`. */
export function asJson(value: unknown): string {
  const line = JSON.stringify(value) ?? "null";
  return `${line.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, escaped)}\n`;
}

/** Text for a terminal, which acts upon nothing in it. */
export function forTerminal(text: string): string {
  return `${cleanedText(text, Number.POSITIVE_INFINITY)}\n`;
}

/** An answer for people: a line for each field, lists of things below each other. */
export function asText(value: unknown): string {
  const text = isFields(value) ? fieldsIn(value, "").join("\n") : plain(value);
  return forTerminal(text);
}

function fieldsIn(fields: Fields, indent: string): string[] {
  return Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : field(name, value, indent)));
}

function field(name: string, value: unknown, indent: string): string[] {
  const deeper = `${indent}  `;
  if (isFields(value)) return [`${indent}${name}:`, ...fieldsIn(value, deeper)];
  if (Array.isArray(value) && value.some(isFields)) {
    const all = value.flatMap((one) => (isFields(one) ? thing(one, deeper) : [`${deeper}${plain(one)}`]));
    return [`${indent}${name} (${value.length}):`, ...all];
  }
  const text = Array.isArray(value) ? value.map(plain).join(", ") || "none" : plain(value);
  if (!text.includes("\n")) return [`${indent}${name}: ${text}`];
  return [`${indent}${name}:`, ...text.split("\n").map((line) => deeper + line)];
}

/** One of a list: a task by its key and title, then what else is known of it. */
function thing(fields: Fields, indent: string): string[] {
  const { key, title, ...rest } = fields;
  if (typeof key === "string" && typeof title === "string")
    return [`${indent}${key}  ${plain(title).replaceAll("\n", " ")}`, ...fieldsIn(rest, `${indent}  `)];
  const [first = "", ...more] = fieldsIn(fields, `${indent}  `);
  return [`${indent}- ${first.trimStart()}`, ...more];
}

function plain(value: unknown): string {
  if (value === null || value === undefined) return "none";
  return typeof value === "string" ? value : String(JSON.stringify(value));
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function escaped(character: string): string {
  return character
    .split("")
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join("");
}
