import { findNearestName } from "../../shared/nearest-name.ts";
import { createUsageError } from "./command-error.ts";
import type { ToolField, ToolSpec } from "./tool-specs.ts";

/** The tool's name and the options that are common to all tools. */
export interface CliOptions {
  tool: string | undefined;
  help: boolean;
  json: boolean;
  version: boolean;
  /** The remaining arguments, which are the tool's own. */
  rest: string[];
}

const COMMON_OPTIONS: Record<string, "help" | "json" | "version"> = {
  "--help": "help",
  "-h": "help",
  "--json": "json",
  "--version": "version",
};

/** Separates the tool's name and the common options from the tool's own arguments. */
export function parseCliOptions(args: readonly string[]): CliOptions {
  const options: CliOptions = { tool: undefined, help: false, json: false, version: false, rest: [] };
  for (const arg of args) {
    const common = COMMON_OPTIONS[arg];
    if (common) options[common] = true;
    else if (options.tool === undefined && !arg.startsWith("-")) options.tool = arg.replaceAll("-", "_");
    else options.rest.push(arg);
  }
  return options;
}

/** Returns the tool, or the command of this kind, with this name; throws a usage error for an unknown name. */
export function getToolSpec(specs: readonly ToolSpec[], name: string, kind = "tool"): ToolSpec {
  const found = specs.find((spec) => spec.name === name);
  if (found) return found;
  const names = specs.map((spec) => spec.name);
  const nearest = findNearestName(name, names);
  throw createUsageError(
    `Unknown ${kind} ${name.slice(0, 60)}. ${nearest ? `Did you mean ${nearest}? ` : ""}Known: ${names.join(", ")}.`,
  );
}

/**
 * Parses a tool's input from its arguments: `--name value`, `--name=value`, and the task without a name. A value of `-`
 * is read with `readStdin`.
 */
export async function parseCliInput(spec: ToolSpec, rest: readonly string[], readStdin: () => Promise<string>) {
  const input: Record<string, unknown> = {};
  for (const [field, text] of parsePairs(spec, rest)) {
    const value = parseFieldValue(field, text === "-" ? await readStdin() : text);
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

function parsePairs(spec: ToolSpec, rest: readonly string[]): [ToolField, string][] {
  const assigned: [ToolField, string][] = [];
  for (let i = 0; i < rest.length; i += 1) {
    const arg = rest[i] ?? "";
    if (!arg.startsWith("-") || arg === "-") {
      assigned.push([getTaskField(spec, arg, assigned), arg]);
      continue;
    }
    const [, name = "", text] = /^--?([^=]*)(?:=([\s\S]*))?$/.exec(arg) ?? [];
    const { field, no } = getField(spec, name);
    if (text !== undefined) assigned.push([field, text]);
    else if (field.kind === "boolean") assigned.push([field, String(!no)]);
    else {
      i += 1;
      assigned.push([field, takeValue(spec, field, rest[i])]);
    }
  }
  return assigned;
}

function getTaskField(spec: ToolSpec, arg: string, assigned: readonly [ToolField, string][]): ToolField {
  const task = spec.fields.find(({ name }) => name === "task");
  if (task && !assigned.some(([{ name }]) => name === "task")) return task;
  throw createUsageError(
    `Unexpected argument "${arg.slice(0, 60)}" for ${spec.name}. Write each value after its option's name.`,
  );
}

function getField(spec: ToolSpec, option: string): { field: ToolField; no: boolean } {
  const name = option.replaceAll("-", "_");
  const plain = spec.fields.find((field) => field.name === name);
  if (plain) return { field: plain, no: false };
  const negated = spec.fields.find((field) => field.kind === "boolean" && `no_${field.name}` === name);
  if (negated) return { field: negated, no: true };
  const names = spec.fields.map((field) => field.name);
  const nearest = findNearestName(name, names);
  const hint = nearest ? `Did you mean --${nearest}?` : `Options: ${names.map((known) => `--${known}`).join(", ")}.`;
  throw createUsageError(`${spec.name} has no option --${option.slice(0, 60)}. ${hint}`);
}

/** Returns the next argument as the option's value; throws when it is missing or an option itself. */
function takeValue(spec: ToolSpec, { name }: ToolField, next: string | undefined): string {
  const isOption = next?.startsWith("--") && spec.fields.some((field) => next.slice(2).split("=", 1)[0] === field.name);
  if (next !== undefined && !isOption) return next;
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
    case "json":
      return parseJsonValue(name, text);
  }
}

function parseJsonValue(name: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw createUsageError(`--${name} must be valid JSON. To read it from a file: --${name} - < ${name}.json`);
  }
}
