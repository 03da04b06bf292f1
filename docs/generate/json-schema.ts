import type { z } from "zod";

export type JsonSchema = z.core.JSONSchema.JSONSchema;

/** A schema's type as TypeScript writes it, on one line; objects with their fields. */
export function formatType(schema: JsonSchema): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const alternatives = listAlternatives(schema);
  if (alternatives.length > 0) return alternatives.map(formatType).join(" | ");
  if (schema.type === "array") return `${formatItemType(schema)}[]`;
  if (schema.type !== "object") return schema.type === undefined ? "any" : [schema.type].flat().join(" | ");
  const fields = listFields(schema);
  if (fields.length === 0)
    return isSchema(schema.additionalProperties) ? `{ [name]: ${formatType(schema.additionalProperties)} }` : "object";
  return `{ ${fields.map((field) => `${formatFieldName(field)}: ${formatType(field.schema)}`).join(", ")} }`;
}

/** A schema's type as TypeScript writes it, an object's fields on lines of their own. */
export function formatTypeLines(schema: JsonSchema, indent = ""): string {
  const fields = listFields(schema);
  if (fields.length === 0) return formatType(schema);
  const lines = fields.map((field) => `${indent}  ${formatFieldName(field)}: ${formatNested(field.schema, indent)}`);
  return `{\n${lines.join("\n")}\n${indent}}`;
}

/** What bounds a value, for example `0 to 1` or `at most 100 characters`; empty where nothing does. */
export function formatLimits({ minimum, maximum, minLength, maxLength, maxItems }: JsonSchema): string {
  const limits = [
    minimum !== undefined && maximum !== undefined ? `${minimum} to ${maximum}` : undefined,
    minimum !== undefined && maximum === undefined ? `at least ${minimum}` : undefined,
    maxLength !== undefined ? `at most ${maxLength} characters` : undefined,
    minLength !== undefined && maxLength === undefined ? "not empty" : undefined,
    maxItems !== undefined ? `at most ${maxItems}` : undefined,
  ];
  return limits.flatMap((limit) => limit ?? []).join(", ");
}

export interface Field {
  name: string;
  schema: JsonSchema;
  required: boolean;
}

export function listFields(schema: JsonSchema): Field[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) =>
    isSchema(field) ? [{ name, schema: field, required: schema.required?.includes(name) ?? false }] : [],
  );
}

/** The schemas of which a value has to fit one. */
export function listAlternatives(schema: JsonSchema): JsonSchema[] {
  return [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].filter(isSchema);
}

/** What an array holds; undefined for anything else. */
export function getItemSchema({ items }: JsonSchema): JsonSchema | undefined {
  return isSchema(items) ? items : undefined;
}

/** What an object with free names holds; undefined for anything else. */
export function getNamedSchema({ additionalProperties }: JsonSchema): JsonSchema | undefined {
  return isSchema(additionalProperties) ? additionalProperties : undefined;
}

function formatNested(schema: JsonSchema, indent: string): string {
  const item = getItemSchema(schema);
  const line = formatType(schema);
  if (line.length <= 80) return line;
  return item ? `${formatTypeLines(item, `${indent}  `)}[]` : formatTypeLines(schema, `${indent}  `);
}

function formatItemType(schema: JsonSchema): string {
  const item = getItemSchema(schema);
  if (!item) return "any";
  const type = formatType(item);
  return type.includes(" | ") && !type.startsWith("{") ? `(${type})` : type;
}

const formatFieldName = ({ name, required }: Field) => (required ? name : `${name}?`);

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
