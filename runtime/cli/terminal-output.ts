import { cleanText } from "../../shared/clean-text.ts";

type Fields = Record<string, unknown>;

/** An answer as JSON in one line; what a terminal would act upon stands in it as `\uXXXX`. */
export function formatJsonLine(value: unknown): string {
  const line = JSON.stringify(value) ?? "null";
  return `${line.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, escapeUnits)}\n`;
}

/** Text for a terminal, which acts upon nothing in it. */
export function formatForTerminal(text: string): string {
  return `${cleanText(text, Number.POSITIVE_INFINITY)}\n`;
}

/** An answer for people: a line for each field, lists of things below each other. */
export function formatAnswer(value: unknown): string {
  const text = isFields(value) ? renderFields(value, "").join("\n") : formatPlain(value);
  return formatForTerminal(text);
}

function renderFields(fields: Fields, indent: string): string[] {
  return Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : renderField(name, value, indent),
  );
}

function renderField(name: string, value: unknown, indent: string): string[] {
  const deeper = `${indent}  `;
  if (isFields(value)) return [`${indent}${name}:`, ...renderFields(value, deeper)];
  if (Array.isArray(value) && value.some(isFields)) {
    const items = value.flatMap((one) =>
      isFields(one) ? renderListItem(one, deeper) : [`${deeper}${formatPlain(one)}`],
    );
    return [`${indent}${name} (${value.length}):`, ...items];
  }
  const text = Array.isArray(value) ? value.map(formatPlain).join(", ") || "none" : formatPlain(value);
  if (!text.includes("\n")) return [`${indent}${name}: ${text}`];
  return [`${indent}${name}:`, ...text.split("\n").map((line) => deeper + line)];
}

/** One of a list: a task by its key and title, then what else is known of it. */
function renderListItem(fields: Fields, indent: string): string[] {
  const { key, title, ...rest } = fields;
  if (typeof key === "string" && typeof title === "string")
    return [`${indent}${key}  ${formatPlain(title).replaceAll("\n", " ")}`, ...renderFields(rest, `${indent}  `)];
  const [first = "", ...more] = renderFields(fields, `${indent}  `);
  return [`${indent}- ${first.trimStart()}`, ...more];
}

function formatPlain(value: unknown): string {
  if (value === null || value === undefined) return "none";
  return typeof value === "string" ? value : String(JSON.stringify(value));
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function escapeUnits(character: string): string {
  return character
    .split("")
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join("");
}
