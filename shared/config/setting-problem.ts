/**
 * A problem in the settings as people read it, with its line and column in the file, also from a schema's issue; the
 * parser of JSON with comments that finds these places.
 */

import { findNodeAtLocation, type JSONVisitor, type Node, parseTree, visit } from "jsonc-parser";
import type { z } from "zod";
import { findNearestName } from "../names.ts";
import { cleanLine } from "../text.ts";

/** A setting that is invalid or missing, so that Groundcrew cannot start. `given` never contains a secret's value. */
export interface SettingProblem {
  /** The setting's name; in the settings file also the path, for example `GROUNDCREW_CONFIG agents[0].email`. */
  name: string;
  given: string;
  wanted: string;
  /** Place of the value in the settings file. */
  position?: JsonPosition;
}

/** A problem with the path of its value in the file. */
export type LocatedProblem = SettingProblem & { path: readonly PropertyKey[] };

type JsonSchemaNode = z.core.JSONSchema.BaseSchema;

type ParsedJson = { ok: true; value: unknown } | { ok: false; position: JsonProblem };

/** A place in a text, both counted from 1, as editors show it. The column counts UTF-16 units. */
interface JsonPosition {
  line: number;
  column: number;
}

/** What is wrong with a JSON text, and where. It never quotes a value, which may be a secret. */
interface JsonProblem extends JsonPosition {
  problem: string;
}

/** Limit of each part of a problem in a message, in UTF-16 units. */
const MAX_PART_LENGTH = 2_000;

/** Limit of nested objects and lists: 64. Our files have fewer than ten; parsers that call themselves fail at some 1,000. */
const MAX_DEPTH = 64;

/** Limit of a name that a message quotes, in UTF-16 units. */
const MAX_QUOTED_NAME = 60;

/** Formats problems for people, three lines each. */
export function formatSettingProblems(problems: readonly SettingProblem[]): string {
  const format = (problem: SettingProblem) =>
    `  ${formatSettingPlace(problem)}\n    given:  ${clean(problem.given)}\n    wanted: ${clean(problem.wanted)}\n`;
  return problems.map(format).join("\n");
}

/** The parts contain names and values from files, so each is cleaned to one line without control characters. */
const clean = (text: string) => cleanLine(text, MAX_PART_LENGTH);

/** Formats a problem in one line, for logs. */
export function formatSettingProblem(problem: SettingProblem): string {
  return `${formatSettingPlace(problem)}: given ${clean(problem.given)}, wanted ${clean(problem.wanted)}`;
}

/** The setting's name, and its place in the settings file. */
export function formatSettingPlace({ name, position }: Pick<SettingProblem, "name" | "position">): string {
  return clean(name) + (position ? ` (${formatPosition(position)})` : "");
}

const formatPosition = ({ line, column }: JsonPosition) => `line ${line}, column ${column}`;

/**
 * Formats a setting's value for people: quoted, cut at 100 characters, without the credentials of a URL. Of an object
 * only the names of its fields are shown, because a field may be a secret.
 */
export function formatSettingValue(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  const text = isObject(value)
    ? `an object with ${Object.keys(value).join(", ") || "no fields"}`
    : (JSON.stringify(value) ?? typeof value).replace(/\/\/[^\s"]*@/g, "//…@");
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

/**
 * Parses JSON. Also refuses what `JSON.parse` accepts, but a person cannot have meant: a name that occurs twice in an
 * object, of which the last would count, and more than 64 levels. The result names the place of the first problem,
 * which `JSON.parse` does in some of its messages only; those messages also quote the text, which may be a secret.
 */
export function parseJsonText(text: string): ParsedJson {
  const { tooDeep, duplicate, firstError = { line: 1, column: 1 } } = findJsonProblems(text);
  if (tooDeep) return { ok: false, position: tooDeep };
  try {
    const value: unknown = JSON.parse(text);
    return duplicate ? { ok: false, position: duplicate } : { ok: true, value };
  } catch {
    return { ok: false, position: { problem: "content that is not valid JSON", ...firstError } };
  }
}

/** Finds the first bracket that is nested too deep, name that occurs twice, and mistake. Takes any text. */
function findJsonProblems(text: string) {
  const found: { tooDeep?: JsonProblem; duplicate?: JsonProblem; firstError?: JsonPosition } = {};
  const open: Set<string>[] = [];
  const begin = (_offset: number, _length: number, line: number, character: number) => {
    if (open.push(new Set()) <= MAX_DEPTH) return;
    found.tooDeep = { problem: `more than ${MAX_DEPTH} nested levels`, line: line + 1, column: character + 1 };
    throw new RangeError("The parser calls itself for each level.");
  };
  const end = () => void open.pop();
  const visitor: JSONVisitor = {
    ...{ onObjectBegin: begin, onArrayBegin: begin, onObjectEnd: end, onArrayEnd: end },
    onObjectProperty(name, _offset, _length, line, character) {
      const problem = `the name ${JSON.stringify(name.slice(0, MAX_QUOTED_NAME))} a second time`;
      if (open.at(-1)?.has(name)) found.duplicate ??= { problem, line: line + 1, column: character + 1 };
      open.at(-1)?.add(name);
    },
    onError(_code, _offset, _length, line, character) {
      found.firstError ??= { line: line + 1, column: character + 1 };
    },
  };
  try {
    visit(text, visitor, { disallowComments: true, allowTrailingComma: false });
  } catch (thrown) {
    if (!found.tooDeep) throw thrown;
  }
  return found;
}

/** Formats the place of an error for people: `content that is not valid JSON (line 3, column 7)`. */
export function formatJsonError({ problem, ...position }: JsonProblem): string {
  return `${problem} (${formatPosition(position)})`;
}

/**
 * Creates the function that finds the place of a value, or of the nearest object or list around it when it is missing.
 * The text must be valid JSON.
 */
export function createJsonLocator(text: string): (path: readonly PropertyKey[]) => JsonPosition {
  const root = parseTree(text);
  return (path) => {
    const before = text.slice(0, root ? findNearestNode(root, path).offset : 0).split("\n");
    return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
  };
}

function findNearestNode(root: Node, path: readonly PropertyKey[]): Node {
  const segments = path.map((key) => (typeof key === "number" ? key : String(key)));
  for (let length = segments.length; length > 0; length -= 1) {
    const node = findNodeAtLocation(root, segments.slice(0, length));
    if (node) return node;
  }
  return root;
}

/** Creates the problem of a value in the settings file. */
export function createPlaceProblem(path: readonly PropertyKey[], given: unknown, wanted: string): LocatedProblem {
  return { name: formatPlace(path), given: formatSettingValue(given), wanted, path };
}

function formatPlace(path: readonly PropertyKey[]): string {
  const place = path.map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`)).join("");
  return `GROUNDCREW_CONFIG ${place.replace(/^\./, "")}`.trimEnd();
}

/** Converts an issue of the settings file's schema to problems. `json` is the file's value, `root` the schema. */
export function toLocatedProblems(issue: z.core.$ZodIssue, json: unknown, root: JsonSchemaNode): LocatedProblem[] {
  const schema = findSchemaAt(root, issue.path);
  if (issue.code === "unrecognized_keys") {
    const known = Object.keys(schema ? collectProperties(schema) : {});
    return issue.keys.map((key) => {
      const [path, wanted] = [[...issue.path, key], formatChoice(key, known, "known names")];
      return { name: formatPlace(path), given: "an unknown name", wanted, path };
    });
  }
  if (issue.code === "invalid_union") {
    // A value of the kind that only one alternative takes has the problems of that one.
    const meant = issue.errors.filter((issues) => !issues.some(isOtherKind));
    if (meant.length === 1)
      return (meant[0] ?? []).flatMap((inner) =>
        toLocatedProblems({ ...inner, path: [...issue.path, ...inner.path] }, json, root),
      );
  }
  const value = issue.path.reduce<unknown>((inside, key) => Object(inside)[key], json);
  const problem = createPlaceProblem(issue.path, value, formatWanted(schema, value) ?? issue.message);
  const isSecret = issue.path.at(-1) === "secret" && value !== undefined;
  return [isSecret ? { ...problem, given: "a secret in another format" } : problem];
}

/** Whether an alternative's issue says that it takes values of another kind, not that there is a mistake inside. */
function isOtherKind(issue: z.core.$ZodIssue): boolean {
  if (issue.code === "invalid_union") return issue.errors.length === 0;
  return issue.path.length === 0 && (issue.code === "invalid_type" || issue.code === "invalid_value");
}

/** What the schema wants in words; undefined where its issue says more. */
function formatWanted(schema: JsonSchemaNode | undefined, value: unknown): string | undefined {
  if (schema?.description !== undefined) return schema.description;
  if (schema?.enum) return formatChoice(value, schema.enum.map(String), "known values");
  if (schema?.type === "object" && !isPlainObject(value)) return "an object";
  if (schema?.type === "array" && !Array.isArray(value)) return "a list";
  return undefined;
}

/** The known name that was most likely meant, and all of them. */
function formatChoice(given: unknown, known: readonly string[], title: string): string {
  const nearest = typeof given === "string" ? findNearestName(given, known) : undefined;
  return nearest ? `${nearest} (${title}: ${known.join(", ")})` : `one of ${known.join(", ")}`;
}

function findSchemaAt(root: JsonSchemaNode, path: readonly PropertyKey[]): JsonSchemaNode | undefined {
  let node: JsonSchemaNode | undefined = root;
  for (const key of path) {
    const next: unknown =
      typeof key === "number"
        ? node?.items
        : node && (collectProperties(node)[String(key)] ?? node.additionalProperties);
    node = isObject(next) ? (next as JsonSchemaNode) : undefined;
  }
  return node;
}

/** The properties of an object schema, or of all alternatives of a union. */
function collectProperties(node: JsonSchemaNode): Record<string, unknown> {
  const alternatives = [...(node.anyOf ?? []), ...(node.oneOf ?? [])].map(collectProperties);
  return Object.assign({}, ...alternatives, node.properties);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

const isPlainObject = (value: unknown) => isObject(value) && !Array.isArray(value);
