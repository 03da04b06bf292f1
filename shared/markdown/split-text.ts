/**
 * Splits HTML and Markdown at places where the parts can be converted one by one, so that a large text does not block
 * the process, and takes the turns of all conversions.
 */

import { createOrderedRunner, wait } from "../time.ts";
import { BLOCK_TAGS, type HtmlChild, type HtmlRoot } from "./tree.ts";

/** Blocks that can be written without the rest of the text. */
interface TextPart {
  nodes: HtmlChild[];
  cost: number;
}

interface MarkdownPart {
  lines: string[];
  cost: number;
}

/** Call it before each step with the cost of the step: it lets timers, requests and jobs run first when it is due. */
export type Pause = (cost: number) => Promise<void> | undefined;

/**
 * Limit of the cost of a part: that of 2,000 elements, for example a table of 100 rows and 9 columns with a paragraph
 * in each cell. The two steps that write a part take up to 30 ms each for it.
 */
export const MAX_PART_COST = 2_000;

/** Cost up to which blocks are written together: that of 500 elements. */
const FULL_PART_COST = 500;

const LIST_TAGS = new Set(["ul", "ol"]);

/**
 * Limit of the cost of a part: 1,400 marks, for example a table of 70 rows and 8 columns, or a list of 280 items. The
 * parser takes up to 30 ms for it.
 */
export const MAX_MARKDOWN_COST = 1_400;

/** The cost of a line outside code: that of 3 marks. */
const LINE_COST = 3;

/** Characters of text that cost as much as a mark. */
const CHARACTERS_PER_MARK = 100;

/** Marks that can begin markup, and the columns of an indentation, which can continue a list. */
const MARKS = /[^\w\s.,;:'"?\u0080-\uffff]/g;

/** The beginning of a code block outside quotes and lists. */
const FENCE = /^(?:(`{3,})[^`]*|(~{3,}).*)$/;

/** A block that continues none before it, when it follows an empty line: no indentation, quote, list or table. */
const NEW_BLOCK = /^(?:[#\p{L}"'(]|\*\*|```|~~~|\|)/u;

/** A link's address for the whole text, on a line of its own. */
const DEFINITION = /^\[(?!\^)[^[\]]{1,200}\]:\s*\S+\s*$/;

const FOOTNOTE = /\[\^[^\]\s]+\]:/;

/**
 * Cost after which a conversion lets other work run: 1,000 elements, which take 10 to 25 ms in the slowest step. The
 * target is 50 ms, also on a slower machine.
 */
const COST_BETWEEN_PAUSES = 1_000;

/** Characters of text that cost as much as one element: 100; 100,000 take 20 ms when each must be escaped. */
const CHARACTERS_PER_ELEMENT = 100;

const runInOrder = createOrderedRunner();

let spent = 0;

/**
 * Splits a simplified tree at its outermost blocks. Text outside blocks stays together, because it is one paragraph,
 * and so do adjacent lists, because the writer tells them apart by their bullets.
 */
export function splitBlocks(root: HtmlRoot): TextPart[] {
  const parts: TextPart[] = [];
  let previous: HtmlChild | undefined;
  for (const child of unwrap(root)) {
    if (child.type === "doctype") continue;
    const cost = measureCost(child);
    const part = parts.at(-1);
    const isFull = part && part.cost + cost > FULL_PART_COST;
    if (!part || (isFull && !mustStayTogether(previous, child))) parts.push({ nodes: [child], cost });
    else {
      part.nodes.push(child);
      part.cost += cost;
    }
    if (child.type !== "text" || child.value.trim() !== "") previous = child;
  }
  return parts;
}

/** The content of the outermost element, when it is a `div` around everything. */
function unwrap({ children }: HtmlRoot): HtmlRoot["children"] {
  let nodes = children;
  for (let [only, ...others] = nodes; only?.type === "element" && only.tagName === "div" && others.length === 0; ) {
    nodes = only.children;
    [only, ...others] = nodes;
  }
  return nodes;
}

function measureCost(start: HtmlChild): number {
  let elements = 0;
  let characters = 0;
  const pending: HtmlChild[] = [start];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (node.type === "text") characters += node.value.length;
    if (node.type !== "element") continue;
    elements += 1;
    for (const child of node.children) pending.push(child);
  }
  return toCost(elements, characters);
}

function mustStayTogether(previous: HtmlChild | undefined, next: HtmlChild): boolean {
  if (previous === undefined) return true;
  if (!isBlock(previous) && !isBlock(next)) return true;
  return isList(previous) && (isList(next) || next.type === "text");
}

function isBlock(node: HtmlChild): boolean {
  return node.type === "element" && BLOCK_TAGS.has(node.tagName);
}

function isList(node: HtmlChild): boolean {
  return node.type === "element" && LIST_TAGS.has(node.tagName);
}

/**
 * Splits Markdown where its parser would be outside all quotes, lists and code. The addresses that one part defines are
 * repeated in the others; a text with footnotes, which are numbered throughout, is not split.
 */
export function splitMarkdown(lines: readonly string[]): MarkdownPart[] {
  const parts: MarkdownPart[] = [{ lines: [], cost: 0 }];
  const isWhole = lines.some((line) => FOOTNOTE.test(line));
  const definitions = new Set<string>();
  let fence: RegExp | undefined;
  for (const [i, line] of lines.entries()) {
    const isFree = fence === undefined && i > 0 && lines[i - 1]?.trim() === "" && NEW_BLOCK.test(line);
    let part = parts.at(-1);
    if (!part || (isFree && !isWhole && part.cost > FULL_PART_COST)) {
      part = { lines: [], cost: 0 };
      parts.push(part);
    }
    part.lines.push(line);
    part.cost += fence ? 1 + line.length / CHARACTERS_PER_MARK : measureLine(line);
    if (fence?.test(line)) fence = undefined;
    else fence ??= findFenceEnd(line);
    if (fence === undefined && DEFINITION.test(line)) definitions.add(line);
  }
  return parts.length === 1 ? parts : addDefinitions(parts, [...definitions]);
}

function measureLine(line: string): number {
  const indent = line.length - line.trimStart().length;
  return LINE_COST + (line.match(MARKS)?.length ?? 0) + indent / 2 + line.length / CHARACTERS_PER_MARK;
}

/** Returns what ends the code block that a line begins. */
function findFenceEnd(line: string): RegExp | undefined {
  const [, ticks, tildes] = FENCE.exec(line) ?? [];
  const mark = ticks ?? tildes;
  return mark === undefined ? undefined : new RegExp(`^ {0,3}${mark[0]}{${mark.length},}\\s*$`);
}

function addDefinitions(parts: readonly MarkdownPart[], definitions: readonly string[]): MarkdownPart[] {
  if (definitions.length === 0) return [...parts];
  const cost = definitions.reduce((sum, line) => sum + measureLine(line), 0);
  // The first definition of a name counts, wherever it is.
  return parts.map((part) => ({ lines: [...definitions, "", ...part.lines], cost: part.cost + cost }));
}

export function toCost(elements: number, characters: number): number {
  return elements + characters / CHARACTERS_PER_ELEMENT;
}

/**
 * Runs a conversion after those that were begun before it, because many short conversions, one after the other without
 * a pause, would keep the process busy as long as a large one.
 */
export function convertInTurn<T>(convert: (pause: Pause) => Promise<T>): Promise<T> {
  return runInOrder(() => convert(pauseIfDue));
}

function pauseIfDue(cost: number): Promise<void> | undefined {
  const isDue = spent + cost > COST_BETWEEN_PAUSES;
  spent = isDue ? cost : spent + cost;
  return isDue ? wait(0) : undefined;
}
