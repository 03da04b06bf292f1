/**
 * A problem in the settings as people read it, with its line and column in the file; the parser of JSON with comments
 * that finds these places.
 */

import { createScanner, findNodeAtLocation, type Node, parseTree, visit } from "jsonc-parser";
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

/** The scanner's kinds of tokens. Its `SyntaxKind` is a `const enum`, which TypeScript cannot import file by file. */
const TOKEN = { openBrace: 1, closeBrace: 2, openBracket: 3, closeBracket: 4, colon: 6, string: 10, end: 17 } as const;

/** Limit of a name that a message quotes, in UTF-16 units. */
const MAX_QUOTED_NAME = 60;

/** Formats problems for people, three lines each. */
export function formatSettingProblems(problems: readonly SettingProblem[]): string {
  return problems
    .map((problem) => {
      const { given, wanted } = problem;
      return `  ${formatSettingPlace(problem)}\n    given:  ${clean(given)}\n    wanted: ${clean(wanted)}\n`;
    })
    .join("\n");
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

function formatPosition({ line, column }: JsonPosition): string {
  return `line ${line}, column ${column}`;
}

/**
 * Formats a setting's value for people: quoted, cut at 100 characters, without the credentials of a URL. Of an object
 * only the names of its fields are shown, because a field may be a secret.
 */
export function formatSettingValue(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = describeShape(value) ?? (JSON.stringify(value) ?? typeof value).replace(/\/\/[^\s"]*@/g, "//…@");
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

function describeShape(value: unknown): string | undefined {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value !== "object" || value === null) return undefined;
  return `an object with ${Object.keys(value).join(", ") || "no fields"}`;
}

/**
 * Parses JSON. Also refuses what `JSON.parse` accepts, but a person cannot have meant: a name that occurs twice in an
 * object, of which the last would count, and more than 64 levels. The result names the place of the first problem,
 * which `JSON.parse` does in some of its messages only; those messages also quote the text, which may be a secret.
 */
export function parseJsonText(text: string): ParsedJson {
  const structure = findStructureProblem(text);
  if (structure?.isDepth) return { ok: false, position: structure.found };
  try {
    const value: unknown = JSON.parse(text);
    return structure ? { ok: false, position: structure.found } : { ok: true, value };
  } catch {
    return { ok: false, position: { problem: "content that is not valid JSON", ...findFirstError(text) } };
  }
}

/** Finds the first name that occurs twice, or the first bracket that is nested too deep. Takes any text. */
function findStructureProblem(text: string): { found: JsonProblem; isDepth: boolean } | undefined {
  const scanner = createScanner(text, true);
  const open: { close: number; names: Set<string> | undefined }[] = [];
  let duplicate: JsonProblem | undefined;
  // The last string and its place: it is a name when a colon follows.
  let last: { name: string; at: JsonPosition } | undefined;
  for (let kind: number = scanner.scan(); kind !== TOKEN.end; kind = scanner.scan()) {
    const at = { line: scanner.getTokenStartLine() + 1, column: scanner.getTokenStartCharacter() + 1 };
    const inside = open.at(-1);
    if (kind === TOKEN.openBrace) open.push({ close: TOKEN.closeBrace, names: new Set() });
    else if (kind === TOKEN.openBracket) open.push({ close: TOKEN.closeBracket, names: undefined });
    else if (kind === inside?.close) open.pop();
    else if (kind === TOKEN.colon && last && inside?.names) {
      const quoted = JSON.stringify(last.name.slice(0, MAX_QUOTED_NAME));
      if (inside.names.has(last.name)) duplicate ??= { problem: `the name ${quoted} a second time`, ...last.at };
      inside.names.add(last.name);
    }
    if (open.length > MAX_DEPTH)
      return { found: { problem: `more than ${MAX_DEPTH} nested levels`, ...at }, isDepth: true };
    last = kind === TOKEN.string ? { name: scanner.getTokenValue(), at } : undefined;
  }
  return duplicate && { found: duplicate, isDepth: false };
}

function findFirstError(text: string): JsonPosition {
  let position: JsonPosition | undefined;
  const onError = (_code: number, _offset: number, _length: number, line: number, character: number) => {
    position ??= { line: line + 1, column: character + 1 };
  };
  visit(text, { onError }, { disallowComments: true, allowTrailingComma: false });
  return position ?? { line: 1, column: 1 };
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
  return (path) => toPosition(text, root ? findNearestNode(root, path).offset : 0);
}

function toPosition(text: string, offset: number): JsonPosition {
  const before = text.slice(0, offset).split("\n");
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

function findNearestNode(root: Node, path: readonly PropertyKey[]): Node {
  const segments = path.map((key) => (typeof key === "number" ? key : String(key)));
  for (let length = segments.length; length > 0; length -= 1) {
    const node = findNodeAtLocation(root, segments.slice(0, length));
    if (node) return node;
  }
  return root;
}
