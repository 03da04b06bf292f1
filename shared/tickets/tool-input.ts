/**
 * The input of a tool for which a session asks permission, as people read it: what acts first, each field with a
 * label, a replaced text as the difference, invisible characters made visible, and shortened in the middle where it
 * does not fit.
 */

import { sha256Hex } from "../hashing.ts";
import type { RequestPart, RequestRecord } from "../task/request.ts";

export interface ToolCall {
  tool_name?: string;
  tool_input?: unknown;
}

/** Limits of what is shown: UTF-16 units, lines and fields. */
interface InputLimits {
  units: number;
  lines: number;
  fields: number;
}

/** Names of fields that act, in the order in which they are shown: what runs, where, and what it changes. */
const ACTING_NAMES = [
  ...["command", "cmd", "script", "code", "file_path", "notebook_path", "path", "file", "url", "uri", "address"],
  ...["diff", "old_string", "new_string", "edits", "content", "new_source", "sql", "query", "pattern", "prompt"],
  "plan",
];

/** Names of fields that only explain; the model writes them for people, at any length. */
const EXPLAINING_NAMES = ["description", "explanation", "reason", "title", "summary", "comment", "note", "notes"];

/** Limit of a field's name in UTF-16 units. */
const MAX_LABEL_LENGTH = 60;

/** Limit of nested values: 20 levels, so that the deepest input cannot exhaust the stack. */
const MAX_DEPTH = 20;

const LIMITS = {
  /** What is kept whole, which is more than a person reads before a decision; a ticket's record may have several. */
  whole: { units: 50_000, lines: 5_000, fields: 200 },
  /** The beginnings and the ends of a longer one. */
  shortened: { units: 4_000, lines: 80, fields: 20 },
  /** The plain text of a question, which has at most 2,000 UTF-16 units. */
  text: { units: 1_800, lines: 80, fields: 20 },
} satisfies Record<string, InputLimits>;

/** Space for the words between a beginning and an end, in UTF-16 units, and the share of the beginning. */
const GAP_UNITS = 60;

const START_SHARE = 0.6;

/** Characters that show nothing, look like a space, reorder the text around them, or have no assigned meaning. */
const UNSEEN = /(?![ \n\t])[\p{DI}\p{Cf}\p{Z}\p{Cc}\p{Co}\p{Cs}\p{Cn}\u2800]/gu;

/** White space that may hide what follows it: long enough to move it out of sight. */
const PADDING = /[ \t\n]{4,}/g;

/** What of it is counted: 4 line breaks, three empty lines; 41 spaces and tabs in a row, more than code is indented. */
const MIN_LINE_BREAKS = 4;

const MIN_BLANKS = 41;

/**
 * Describes what a tool would do, for the person who allows or denies it: fields in an order in which the part that
 * acts comes first, whatever the model's order, with characters that cannot be seen as escapes. All texts come from the
 * model: they are data.
 */
export function readToolInput({ tool_name = "?", tool_input }: ToolCall): Pick<RequestRecord, "text" | "input"> {
  const isObject = typeof tool_input === "object" && tool_input !== null && !Array.isArray(tool_input);
  const entries = isObject ? sortEntries(tool_input) : tool_input === undefined ? [] : [["input", tool_input] as const];
  const fields = entries.map(([name, value]) => toField(showLine(name), value));
  const isKept = shortenInput(fields, LIMITS.whole) === fields;
  return { text: showLine(tool_name).slice(0, 200), input: isKept ? fields : shortenInput(fields, LIMITS.shortened) };
}

/**
 * Hashes what a tool would do, all of it, in any order of its fields: an answer is valid for exactly this input. A
 * value that is nested too deeply for a comparison has the hash of its kind, and nobody can allow it.
 */
export async function hashToolCall({ tool_name, tool_input }: ToolCall): Promise<string> {
  const sortFields = (_: string, value: unknown) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)))
      : value;
  try {
    return await sha256Hex(JSON.stringify([tool_name, tool_input], sortFields));
  } catch (thrown) {
    if (!(thrown instanceof RangeError)) throw thrown;
    return sha256Hex("too deep");
  }
}

/** Sorts fields: those that act first, those that explain last, the others between them in their own order. */
function sortEntries(value: object): (readonly [string, unknown])[] {
  return Object.entries(joinReplacement(value)).sort(([one], [other]) => rankName(one) - rankName(other));
}

/** Shows the replacement of a text by another one as their difference, which has all of both. */
function joinReplacement(value: object): object {
  const { old_string, new_string, ...rest } = value as Record<string, unknown>;
  if (typeof old_string !== "string" || typeof new_string !== "string" || "diff" in rest) return value;
  return { ...rest, diff: renderDifference(old_string.split("\n"), new_string.split("\n")) };
}

/**
 * Renders two texts as one: the lines with which both begin and end, and between them the other lines of the old one
 * with `- ` and those of the new one with `+ `.
 */
function renderDifference(before: readonly string[], after: readonly string[]): string {
  const countSame = (one: readonly string[], other: readonly string[]) => {
    const count = one.findIndex((line, i) => line !== other[i]);
    return count < 0 ? one.length : count;
  };
  const start = countSame(before, after);
  const [removed, added] = [before.slice(start), after.slice(start)];
  const end = countSame(removed.toReversed(), added.toReversed());
  return [
    ...before.slice(0, start).map((line) => `  ${line}`),
    ...removed.slice(0, removed.length - end).map((line) => `- ${line}`),
    ...added.slice(0, added.length - end).map((line) => `+ ${line}`),
    ...removed.slice(removed.length - end).map((line) => `  ${line}`),
  ].join("\n");
}

function rankName(name: string): number {
  // The last word of a name says what it is: `shell_command`, `targetUrl`.
  const word = (name.split(/[\s_-]+|(?<=\p{Ll})(?=\p{Lu})/u).at(-1) ?? name).toLowerCase();
  const acting = [name, word].map((one) => ACTING_NAMES.indexOf(one)).find((rank) => rank >= 0);
  return acting ?? (EXPLAINING_NAMES.includes(word) ? ACTING_NAMES.length + 1 : ACTING_NAMES.length);
}

/** A name as one line. */
function showLine(name: string): string {
  return showInvisible(name).replaceAll(/[\n\t]/g, toEscape);
}

/**
 * Shows a text as it is, for a person who decides about it: characters that cannot be seen become their code points
 * (`⟨U+202E⟩`), and long white space becomes its count (`[300 × ⟨U+000A⟩]`), so that it hides nothing and moves nothing
 * out of sight.
 */
function showInvisible(text: string): string {
  return showUnseen(text).replace(PADDING, countPadding);
}

/** Shows characters that cannot be seen, or reorder others, as their code points. */
export function showUnseen(text: string): string {
  return text.replace(UNSEEN, toEscape);
}

function toEscape(character: string): string {
  const hex = (character.codePointAt(0) ?? 0).toString(16).toUpperCase();
  return `⟨U+${hex.padStart(4, "0")}⟩`;
}

function countPadding(blank: string): string {
  const parts = blank.split("\n");
  const breaks = parts.length - 1;
  if (breaks < MIN_LINE_BREAKS && parts.every(({ length }) => length < MIN_BLANKS)) return blank;
  const shown = ["\n", " ", "\t"].flatMap((one) => {
    const count = blank.split(one).length - 1;
    return count > 0 ? [`${count} × ${toEscape(one)}`] : [];
  });
  const edge = breaks > 0 ? "\n" : " ";
  return `${edge}[${shown.join(", ")}]${edge}`;
}

function toField(name: string, value: unknown): RequestPart {
  const hidden = Math.max(0, name.length - MAX_LABEL_LENGTH);
  const label = hidden > 0 ? `${name.slice(0, MAX_LABEL_LENGTH).toWellFormed()}…` : name;
  const lines = hidden > 0 ? undefined : renderValue(value, 0);
  if (lines) return { label, value: lines.join("\n") };
  // A person could not read such a name, or such a depth, so the input does not count as shown.
  return { label, value: "", leftOut: hidden + measureLeaves(value), end: "" };
}

/** The number of UTF-16 units in the texts and numbers of a value of any depth. */
function measureLeaves(value: unknown): number {
  const rest: unknown[] = [value];
  let sum = 0;
  while (rest.length > 0) {
    const one = rest.pop();
    if (typeof one === "object" && one !== null) for (const inside of Object.values(one)) rest.push(inside);
    else sum += String(one).length;
  }
  return sum;
}

/** Renders a value without markup, nested ones indented by their level; undefined for one that is nested too deeply. */
function renderValue(value: unknown, depth: number): string[] | undefined {
  if (typeof value !== "object" || value === null)
    return showInvisible(typeof value === "string" ? value : String(value)).split("\n");
  if (depth >= MAX_DEPTH) return undefined;
  const entries = Array.isArray(value)
    ? value.map((one, i) => [String(i + 1), one] as const)
    : sortEntries(value).map(([name, one]) => [showLine(name), one] as const);
  const lines: string[] = [];
  for (const [name, one] of entries) {
    const inside = renderValue(one, depth + 1);
    if (!inside) return undefined;
    const isNested = typeof one === "object" && one !== null;
    const isLine = inside.length === 1 && !isNested;
    lines.push(isLine ? `${name}: ${inside[0]}` : `${name}:`);
    // The bar keeps a line of a text from looking like another field.
    if (!isLine) for (const line of inside) lines.push((isNested ? "  " : "  │ ") + line);
  }
  return lines;
}

/** Renders an input as plain text, shortened in the middle where it is long, with the number of units left out. */
export function renderToolInput({ text, input }: Pick<RequestRecord, "text" | "input">): string {
  const lines = shortenInput(input, LIMITS.text).flatMap(({ label, value, leftOut, end = "" }) =>
    leftOut === undefined ? `${label}: ${value}` : [`${label}: ${value}`, `[… ${leftOut} …]`, end],
  );
  return [text, ...lines].join("\n");
}

/** Whether nothing of an input is left out. */
export function isWholeInput(fields: readonly RequestPart[]): boolean {
  return fields.every(({ leftOut }) => leftOut === undefined);
}

/**
 * Shortens an input to these limits: the beginning and the end of its longest fields, and the number of units between
 * them. Returns the input itself when it fits.
 */
export function shortenInput(fields: RequestPart[], limits: InputLimits): RequestPart[] {
  const units = fields.map(countUnits);
  const lines = fields.map(countLines);
  if (sum(units) <= limits.units && sum(lines) <= limits.lines && fields.length <= limits.fields) return fields;
  const kept = fields.slice(0, limits.fields);
  const unitShares = shareOut(units.slice(0, limits.fields), limits.units);
  const lineShares = shareOut(lines.slice(0, limits.fields), limits.lines);
  const shortened = kept.map((field, i) => shortenField(field, unitShares[i] ?? 0, lineShares[i] ?? 0));
  const leftOut = sum(units.slice(limits.fields));
  return leftOut > 0 ? [...shortened, { label: "…", value: "", leftOut, end: "" }] : shortened;
}

function countUnits({ label, value, leftOut, end = "" }: RequestPart): number {
  return label.length + 2 + value.length + end.length + (leftOut === undefined ? 0 : GAP_UNITS);
}

function countLines({ value, end }: RequestPart): number {
  return value.split("\n").length + (end === undefined ? 0 : 1 + end.split("\n").length);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, n) => total + n, 0);
}

/** Shares a limit out: what fits into an equal share gets what it needs, and leaves the rest to the others. */
function shareOut(needs: readonly number[], limit: number): number[] {
  const shares = [...needs];
  let left = limit;
  const order = needs.map((_, i) => i).sort((a, b) => (needs[a] ?? 0) - (needs[b] ?? 0));
  for (const [done, i] of order.entries()) {
    const share = Math.min(needs[i] ?? 0, Math.floor(left / (order.length - done)));
    shares[i] = share;
    left -= share;
  }
  return shares;
}

function shortenField(field: RequestPart, units: number, lines: number): RequestPart {
  if (countUnits(field) <= units && countLines(field) <= lines) return field;
  const { label, value, leftOut, end = "" } = field;
  const room = Math.max(units - label.length - GAP_UNITS, 2);
  const start = takeStart(value, Math.ceil(room * START_SHARE), Math.ceil(lines * START_SHARE));
  const rest = leftOut === undefined ? value.slice(start.length) : end;
  const tail = takeEnd(rest, room - start.length, Math.max(Math.floor(lines * (1 - START_SHARE)), 1));
  const before = leftOut === undefined ? 0 : leftOut + value.length - start.length;
  return { label, value: start, leftOut: before + rest.length - tail.length, end: tail };
}

function takeStart(text: string, units: number, lines: number): string {
  const start = text.split("\n", lines).join("\n").slice(0, units);
  return start.isWellFormed() ? start : start.slice(0, -1);
}

function takeEnd(text: string, units: number, lines: number): string {
  const end = units <= 0 ? "" : text.slice(-units).split("\n").slice(-lines).join("\n");
  return end.isWellFormed() ? end : end.slice(1);
}
