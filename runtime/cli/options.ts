import { nearestName } from "../../shared/config/nearest.ts";
import { usage } from "./end.ts";
import type { Field, Spec } from "./tools.ts";

/** What stands before the tool's name and for every tool. */
export interface Asked {
  tool: string | undefined;
  help: boolean;
  json: boolean;
  version: boolean;
  /** What is left for the tool. */
  rest: string[];
}

const COMMON: Record<string, "help" | "json" | "version"> = {
  "--help": "help",
  "-h": "help",
  "--json": "json",
  "--version": "version",
};

/** Takes the tool's name and the options every tool has out of the arguments. */
export function askedIn(args: readonly string[]): Asked {
  const asked: Asked = { tool: undefined, help: false, json: false, version: false, rest: [] };
  for (const arg of args) {
    const common = COMMON[arg];
    if (common) asked[common] = true;
    else if (asked.tool === undefined && !arg.startsWith("-")) asked.tool = arg.replaceAll("-", "_");
    else asked.rest.push(arg);
  }
  return asked;
}

/** The tool with this name. */
export function specNamed(specs: readonly Spec[], name: string): Spec {
  const spec = specs.find((one) => one.name === name);
  if (spec) return spec;
  const names = specs.map((one) => one.name);
  const nearest = nearestName(name, names);
  throw usage(
    `There is no tool ${name.slice(0, 60)}. ${nearest ? `Did you mean ${nearest}? ` : ""}There are ${names.join(", ")}.`,
  );
}

/**
 * A tool's input from what follows its name: `--name value`, `--name=value`, and the task without a name. `read` is
 * what stands for `-`.
 */
export async function inputOf(spec: Spec, rest: readonly string[], read: () => Promise<string>) {
  const input: Record<string, unknown> = {};
  for (const [field, text] of pairs(spec, rest)) {
    const value = given(field, text === "-" ? await read() : text);
    const before = input[field.name];
    if (before !== undefined && !Array.isArray(before)) throw usage(`--${field.name} is given twice.`);
    input[field.name] = Array.isArray(before) && Array.isArray(value) ? [...before, ...value] : value;
  }
  const missing = spec.fields.filter(({ name, required }) => required && input[name] === undefined);
  if (missing.length > 0)
    throw usage(`${spec.name} needs ${missing.map(({ name }) => `--${name}`).join(", ")} (see ${spec.name} --help).`);
  return input;
}

function pairs(spec: Spec, rest: readonly string[]): [Field, string][] {
  const found: [Field, string][] = [];
  for (let i = 0; i < rest.length; i += 1) {
    const arg = rest[i] ?? "";
    if (!arg.startsWith("-") || arg === "-") {
      found.push([taskOf(spec, arg, found), arg]);
      continue;
    }
    const [, name = "", text] = /^--?([^=]*)(?:=([\s\S]*))?$/.exec(arg) ?? [];
    const { field, no } = fieldNamed(spec, name);
    if (text !== undefined) found.push([field, text]);
    else if (field.kind === "boolean") found.push([field, String(!no)]);
    else {
      i += 1;
      found.push([field, following(spec, field, rest[i])]);
    }
  }
  return found;
}

function taskOf(spec: Spec, arg: string, found: readonly [Field, string][]): Field {
  const task = spec.fields.find(({ name }) => name === "task");
  if (task && !found.some(([{ name }]) => name === "task")) return task;
  throw usage(`${spec.name} does not know what "${arg.slice(0, 60)}" is for. Every value follows its option's name.`);
}

function fieldNamed(spec: Spec, option: string): { field: Field; no: boolean } {
  const name = option.replaceAll("-", "_");
  const plain = spec.fields.find((field) => field.name === name);
  if (plain) return { field: plain, no: false };
  const negated = spec.fields.find((field) => field.kind === "boolean" && `no_${field.name}` === name);
  if (negated) return { field: negated, no: true };
  const names = spec.fields.map((field) => field.name);
  const nearest = nearestName(name, names);
  const hint = nearest ? `Did you mean --${nearest}?` : `It has ${names.map((one) => `--${one}`).join(", ")}.`;
  throw usage(`${spec.name} has no option --${option.slice(0, 60)}. ${hint}`);
}

/** The next argument, unless it is an option itself: then a value was forgotten. */
function following(spec: Spec, { name }: Field, next: string | undefined): string {
  const isOption = next?.startsWith("--") && spec.fields.some((field) => next.slice(2).split("=", 1)[0] === field.name);
  if (next !== undefined && !isOption) return next;
  throw usage(`--${name} needs a value after it.${isOption ? ` If it begins with dashes: --${name}=${next}` : ""}`);
}

function given({ name, kind, choices, nullable }: Field, text: string): unknown {
  if (nullable && text === "null") return null;
  if (choices && !choices.includes(text)) throw usage(`--${name} is one of ${choices.join(", ")}.`);
  switch (kind) {
    case "text":
      return text;
    case "number":
      if (text.trim() === "" || !Number.isFinite(Number(text))) throw usage(`--${name} is a number.`);
      return Number(text);
    case "boolean":
      if (text !== "true" && text !== "false") throw usage(`--${name} is true or false.`);
      return text === "true";
    case "list":
      if (text.trimStart().startsWith("[")) return parsed(name, text);
      return text.split(",").flatMap((one) => one.trim() || []);
    case "json":
      return parsed(name, text);
  }
}

function parsed(name: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw usage(`--${name} is JSON, and this is not. A long one is easier from a file: --${name} - < ${name}.json`);
  }
}
