/**
 * The arguments of a command: the fields of a tool as the server describes them, and their values from options, pairs,
 * JSON or standard input.
 */

import { parseArgs } from "node:util";
import { z } from "zod";
import { formatSchemaIssues } from "../../shared/errors.ts";
import { findNearestName } from "../../shared/names.ts";
import { omitUndefined, readPath } from "../../shared/omit-undefined.ts";
import { tryParseJson } from "../../shared/text.ts";
import { createUsageError } from "./output.ts";

/** The name of a tool or command, the options that are common to all of them, and the rest, which are its own. */
export type CliOptions = ReturnType<typeof parseCliOptions>;

/** One option of a tool, reduced to what the command line needs. */
export interface ToolField {
  name: string;
  /** `either`: a text, or JSON when it begins with a brace. */
  kind: "text" | "number" | "boolean" | "list" | "json" | "either";
  choices?: string[];
  nullable: boolean;
  required: boolean;
  description?: string;
}

export interface ToolSpec {
  name: string;
  description: string;
  fields: ToolField[];
  /** The fields whose values need no option's name, in the order of `fields`; default `task`. */
  unnamed?: readonly string[];
  /** What an option is called in an error; default `option`. */
  word?: string;
}

const propertySchema = z.object({
  /** Several types for a field that also takes null: `["string", "null"]`. */
  type: z.union([z.string(), z.array(z.string())]).optional(),
  enum: z.array(z.union([z.string(), z.number()])).optional(),
  const: z.unknown().optional(),
  description: z.string().optional(),
  get items() {
    return propertySchema.optional();
  },
  get anyOf() {
    return z.array(propertySchema).optional();
  },
});

type PropertySchema = z.infer<typeof propertySchema>;

const inputSchema = z.object({
  properties: z.record(z.string(), propertySchema).default({}),
  required: z.array(z.string()).default([]),
});

const openApiSchema = z.object({
  paths: z.record(z.string(), z.object({ post: z.looseObject({ summary: z.string().default("") }) })),
});

/** A field of a command of this program; a tool's fields come from the server. */
export function defineField(name: string, description = "", more: Partial<ToolField> = {}): ToolField {
  return { name, kind: "text", required: false, nullable: false, description, ...more };
}

/** Separates the command's name and the options that are common to all commands from its own arguments. */
export function parseCliOptions(args: readonly string[]) {
  const has = (...names: string[]) => args.some((arg) => names.includes(arg));
  const others = args.filter((arg) => !["--help", "-h", "--json", "--version"].includes(arg));
  // An unknown option before the command may have a value, which is no command.
  const at = others[0]?.startsWith("-") ? -1 : 0;
  return {
    tool: others[at]?.replaceAll("-", "_"),
    help: has("--help", "-h"),
    json: has("--json"),
    version: has("--version"),
    rest: others.filter((_, i) => i !== at),
  };
}

/**
 * Parses the input of a command of this program, whose options are the fields of `schema`, from its arguments. A value
 * is never empty. Throws a usage error.
 */
export function parseCommandInput<S extends z.ZodObject>(
  schema: S,
  args: readonly string[],
  naming: Pick<ToolSpec, "name" | "unnamed" | "word">,
): z.output<S> {
  const fields = toToolFields(inputSchema.parse(z.toJSONSchema(schema, { io: "input" })));
  const spec = { ...naming, description: "", fields };
  const pairs = parsePairs(spec, args);
  const empty = pairs.find(([, text]) => text === "");
  if (empty) throw createUsageError(`--${empty[0].name} needs a value.`);
  const parsed = schema.safeParse(toInput(spec, pairs));
  if (parsed.success) return parsed.data;
  throw createUsageError(`${naming.name}: ${formatSchemaIssues(parsed.error, "options")}`);
}

/**
 * Parses a tool's input from its arguments: `--name value`, `--name=value`, and one value without a name. A value of
 * `-` is read with `readStdin`.
 */
export async function parseCliInput(spec: ToolSpec, args: readonly string[], readStdin: () => Promise<string>) {
  const pairs = parsePairs(spec, args);
  for (const pair of pairs) if (pair[1] === "-") pair[1] = await readStdin();
  return toInput(spec, pairs);
}

function toInput(spec: ToolSpec, pairs: readonly [ToolField, string][]): Record<string, unknown> {
  const input: Record<string, unknown> = {};
  for (const [field, text] of pairs) {
    const value = parseFieldValue(field, text);
    const earlier = input[field.name];
    if (earlier !== undefined && !Array.isArray(earlier)) throw createUsageError(`--${field.name} is set twice.`);
    input[field.name] = Array.isArray(earlier) && Array.isArray(value) ? [...earlier, ...value] : value;
  }
  const missing = spec.fields.filter(({ name, required }) => required && input[name] === undefined);
  if (missing.length > 0)
    throw createUsageError(
      `${spec.name} needs ${missing.map(({ name }) => `--${name}`).join(", ")} (see ${spec.name} --help).`,
    );
  return input;
}

/** The fields with their texts. Throws a usage error for an unknown option, or one without its value. */
export function parsePairs(spec: ToolSpec, args: readonly string[]): [ToolField, string][] {
  // The parser's own strict mode refuses texts that begin with dashes, and knows neither typos nor `_` for `-`.
  const { tokens } = parseArgs({ args: [...args], options: toParserOptions(spec), strict: false, tokens: true });
  const pairs: [ToolField, string][] = [];
  for (const token of tokens) {
    if (token.kind === "positional") pairs.push([getUnnamedField(spec, token.value, pairs), token.value]);
    if (token.kind !== "option") continue;
    const { field, no } = getField(spec, token.rawName.replace(/^-+/, ""));
    if (token.inlineValue !== true && field.kind !== "boolean") checkValue(spec, field, token.value);
    pairs.push([field, token.value ?? String(!no)]);
  }
  return pairs;
}

/** The options that take a value, in both spellings. */
function toParserOptions({ fields }: ToolSpec): Record<string, { type: "string" }> {
  const names = fields.flatMap(({ name, kind }) => (kind === "boolean" ? [] : [name, name.replaceAll("_", "-")]));
  return Object.fromEntries(names.map((name) => [name, { type: "string" }]));
}

function getUnnamedField(spec: ToolSpec, text: string, pairs: readonly [ToolField, string][]): ToolField {
  const { name, unnamed = ["task"], fields } = spec;
  const found = fields.find((field) => unnamed.includes(field.name) && !pairs.some(([given]) => given === field));
  if (found) return found;
  throw createUsageError(
    `Unexpected argument "${text.slice(0, 60)}" for ${name}. Write each value after its option's name.`,
  );
}

function getField({ name, word = "option", fields }: ToolSpec, option: string): { field: ToolField; no: boolean } {
  const toKey = (text: string) => text.replaceAll("-", "_");
  const plain = fields.find((field) => toKey(field.name) === toKey(option));
  if (plain) return { field: plain, no: false };
  const negated = fields.find((field) => field.kind === "boolean" && `no_${field.name}` === toKey(option));
  if (negated) return { field: negated, no: true };
  const names = fields.map((field) => field.name);
  const nearest = findNearestName(toKey(option), names);
  const hint = nearest ? `Did you mean --${nearest}?` : `Options: ${names.map((known) => `--${known}`).join(", ")}.`;
  throw createUsageError(`${name} has no ${word} --${option.slice(0, 60)}. ${names.length > 0 ? hint : ""}`.trim());
}

/** Throws when the next argument is missing or an option itself. */
function checkValue({ fields }: ToolSpec, { name }: ToolField, next: string | undefined): void {
  const isOption = next?.startsWith("--") && fields.some((field) => next.slice(2).split("=", 1)[0] === field.name);
  if (next !== undefined && !isOption) return;
  throw createUsageError(
    `--${name} needs a value.${isOption ? ` For a value that begins with dashes, write --${name}=${next}` : ""}`,
  );
}

function parseFieldValue({ name, kind, choices, nullable }: ToolField, text: string): unknown {
  if (nullable && text === "null") return null;
  if (choices && !choices.includes(text)) throw createUsageError(`--${name} must be one of ${choices.join(", ")}.`);
  switch (kind) {
    case "text":
      return text;
    case "number":
      if (text.trim() === "" || !Number.isFinite(Number(text))) throw createUsageError(`--${name} must be a number.`);
      return Number(text);
    case "boolean":
      if (text !== "true" && text !== "false") throw createUsageError(`--${name} must be true or false.`);
      return text === "true";
    case "list":
      if (text.trimStart().startsWith("[")) return parseJsonValue(name, text);
      return text.split(",").flatMap((part) => part.trim() || []);
    case "either":
      return text.trimStart().startsWith("{") ? parseJsonValue(name, text) : text;
    case "json":
      return parseJsonValue(name, text);
  }
}

function parseJsonValue(name: string, text: string): unknown {
  const value = tryParseJson(text);
  if (value !== undefined) return value;
  throw createUsageError(`--${name} must be valid JSON. To read it from a file: --${name} - < ${name}.json`);
}

/**
 * Returns the tool, or the command of this kind, with this name; throws a usage error for an unknown name, which may be
 * meant to be one of `others`.
 */
export function getToolSpec<S extends ToolSpec>(
  specs: readonly S[],
  name: string,
  kind = "tool",
  others: readonly string[] = [],
): S {
  const found = specs.find((spec) => spec.name === name);
  if (found) return found;
  const names = [...specs.map((spec) => spec.name), ...others];
  const nearest = findNearestName(name, names);
  throw createUsageError(
    `Unknown ${kind} ${name.slice(0, 60)}. ${nearest ? `Did you mean ${nearest}? ` : ""}Known: ${names.join(", ")}.`,
  );
}

/** Parses the tools from a response of `GET /agent/openapi.json`. Throws a ZodError for any other document. */
export function parseToolSpecs(json: unknown): ToolSpec[] {
  return Object.entries(openApiSchema.parse(json).paths).map(([path, { post }]) => {
    const schema = readPath(post, "requestBody.content.application/json.schema");
    return toToolSpec({ name: path.replace(/^\/agent\//, ""), description: post.summary, inputSchema: schema });
  });
}

/** A tool's definition as the command line needs it. */
export function toToolSpec(tool: { name: string; description: string; inputSchema: unknown }): ToolSpec {
  const { name, description } = tool;
  return { name, description, fields: toToolFields(inputSchema.parse(tool.inputSchema)) };
}

function toToolFields({ properties, required }: z.infer<typeof inputSchema>): ToolField[] {
  return Object.entries(properties).map(([name, property]) => toToolField(name, property, required.includes(name)));
}

function toToolField(name: string, property: PropertySchema, required: boolean): ToolField {
  const { type } = property;
  const alternatives =
    property.anyOf ??
    (Array.isArray(type) ? type.map((one): PropertySchema => ({ ...property, type: one })) : [property]);
  const kinds = alternatives.filter((one) => one.type !== "null");
  const single = kinds.length === 1 ? kinds[0] : undefined;
  const hasText = kinds.some((one) => one.type === "string");
  return {
    ...{ name, required, nullable: kinds.length < alternatives.length },
    kind: single ? toFieldKind(single) : hasText ? "either" : "json",
    ...omitUndefined({
      choices: single?.enum?.map(String),
      description: property.description ?? kinds[0]?.description,
    }),
  };
}

function toFieldKind({ type, items, enum: values }: PropertySchema): ToolField["kind"] {
  if (type === "string" || (values && type === undefined)) return "text";
  if (type === "number" || type === "integer") return "number";
  if (type === "boolean") return "boolean";
  return type === "array" && items && toFieldKind(items) === "text" ? "list" : "json";
}
