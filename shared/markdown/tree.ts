/**
 * Trees of HTML and Markdown: visiting them within a depth, joining blocks into a line, and tables in the form that
 * Markdown has.
 */

import type rehypeSanitize from "rehype-sanitize";
import type remarkRehype from "remark-rehype";

/** The HTML tree that the parser, the sanitizer and the writers share. */
export type HtmlRoot = Parameters<ReturnType<typeof rehypeSanitize>>[0];

type HtmlNode = HtmlRoot["children"][number];

export type HtmlElement = Extract<HtmlNode, { type: "element" }>;

export type HtmlChild = HtmlElement["children"][number];

/** The Markdown tree that the parser and the writer share. */
export type MarkdownRoot = Parameters<ReturnType<typeof remarkRehype>>[0];

type MarkdownNode = MarkdownRoot | MarkdownRoot["children"][number];

/** What the parts of one text may still add to it. */
export interface Budgets {
  /** Empty cells of tables. */
  cells: number;
  /** Characters of addresses. */
  addressCharacters: number;
}

/** The tags of the elements around an element, the innermost last. */
type AncestorTags = readonly string[];

/** Limit of a tree's depth: 40, because the writers are recursive. Deeper elements are reduced to their text. */
const MAX_TREE_DEPTH = 40;

/** Elements that are kept although they are empty. */
const VISIBLE_EMPTY_TAGS = new Set(["br", "hr", "input", "td", "th", "tr", "li"]);

/** Elements without text for readers. */
const HIDDEN_TAGS = new Set(["script", "style", "template", "title", "noscript", "svg", "math", "iframe", "object"]);

/** The elements that begin on a new line. */
export const BLOCK_TAGS = new Set([
  ...["p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "ul", "ol", "li", "hr"],
  ...["div", "section", "article"],
  ...["details", "summary", "dl", "dt", "dd", "table", "thead", "tbody", "tfoot", "caption", "tr", "th", "td"],
]);

/** Limit of the width to which cells are padded: 40, because one long cell would widen its whole column. */
const MAX_CELL_WIDTH = 40;

/**
 * Limit of the empty cells that are added to tables: 20,000. Both converters make every row as long as the longest, so
 * a short text could create a hundred million cells.
 */
const MAX_FILLED_CELLS = 20_000;

/**
 * Limit of all addresses in the output, in characters: 500,000, because Markdown can reference one address thousands of
 * times. Links beyond the limit become plain text.
 */
const MAX_ADDRESS_CHARACTERS = 500_000;

export function createBudgets(): Budgets {
  return { cells: MAX_FILLED_CELLS, addressCharacters: MAX_ADDRESS_CHARACTERS };
}

export function createHtmlElement(
  tagName: string,
  properties: HtmlElement["properties"],
  children: HtmlChild[],
): HtmlElement {
  return { type: "element", tagName, properties, children };
}

export function createHtmlText(value: string): HtmlChild {
  return { type: "text", value };
}

/**
 * Rebuilds the tree from the leaves up. `change` returns the nodes that replace an element, none to remove it. Elements
 * deeper than `MAX_TREE_DEPTH` are replaced by their text, and elements that show nothing are removed.
 */
export function transformTree(
  root: HtmlRoot,
  change: (element: HtmlElement, ancestors: AncestorTags) => HtmlChild[],
): HtmlRoot {
  const children = root.children.flatMap((node) => (node.type === "doctype" ? [] : transformNode(node, [])));
  return { ...root, children };

  function transformNode(node: HtmlChild, ancestors: AncestorTags): HtmlChild[] {
    if (node.type === "text") return [node];
    if (node.type !== "element" || HIDDEN_TAGS.has(node.tagName)) return [];
    if (ancestors.length >= MAX_TREE_DEPTH) return collectTexts(node);
    const childAncestors = [...ancestors, node.tagName];
    const newChildren = node.children.flatMap((child) => transformNode(child, childAncestors));
    return change({ ...node, children: newChildren }, ancestors).filter(
      (child) =>
        child.type !== "element" ||
        VISIBLE_EMPTY_TAGS.has(child.tagName) ||
        child.children.some((inner) => inner.type !== "text" || inner.value !== ""),
    );
  }
}

/** All text in an element. Not recursive, because the element may be very deep. */
function collectTexts(start: HtmlElement): HtmlChild[] {
  const found: HtmlChild[] = [];
  const pending: HtmlChild[] = [start];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (node.type === "text") found.push(node);
    if (node.type === "element" && !HIDDEN_TAGS.has(node.tagName)) pending.push(...node.children.toReversed());
  }
  return found;
}

export function hasBlock(children: readonly HtmlChild[]): boolean {
  return children.some(
    (child) => child.type === "element" && (BLOCK_TAGS.has(child.tagName) || hasBlock(child.children)),
  );
}

/**
 * Flattens the content of a heading or table cell, which ends with the line in Markdown. Each block in it, code
 * included, becomes inline text with spaces around it; otherwise its second line would be parsed as markup.
 */
export function flattenToLine(children: readonly HtmlChild[]): HtmlChild[] {
  return children.flatMap((child): HtmlChild[] => {
    if (child.type !== "element") return [child];
    const { tagName, properties } = child;
    if (tagName === "input") return [createHtmlText(properties["checked"] === true ? "[x] " : "[ ] ")];
    if (tagName === "pre") return [createHtmlText(" "), createInlineCode({}, child.children), createHtmlText(" ")];
    const flattened = flattenToLine(child.children);
    return BLOCK_TAGS.has(tagName)
      ? [createHtmlText(" "), ...flattened, createHtmlText(" ")]
      : [{ ...child, children: flattened }];
  });
}

/** Inline code in one line, because its second line would be parsed as markup. */
export function createInlineCode(properties: HtmlElement["properties"], children: readonly HtmlChild[]): HtmlElement {
  return createHtmlElement("code", properties, [createHtmlText(collectLineText(children).replace(/\s+/g, " "))]);
}

function collectLineText(children: readonly HtmlChild[]): string {
  return children
    .map((child) => {
      if (child.type !== "element") return child.type === "text" ? child.value : "";
      const innerText = collectLineText(child.children);
      return child.tagName === "br" || BLOCK_TAGS.has(child.tagName) ? ` ${innerText} ` : innerText;
    })
    .join("");
}

/** Merges adjacent pieces of inline code, because their backticks would run into each other. */
export function mergeInlineCode(root: MarkdownRoot): void {
  const pending: MarkdownNode[] = [root];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (!("children" in node)) continue;
    const { children }: { children: MarkdownNode[] } = node;
    for (let i = children.length - 1; i > 0; i -= 1) {
      const [previous, code] = [children[i - 1], children[i]];
      if (previous?.type !== "inlineCode" || code?.type !== "inlineCode") continue;
      previous.value += code.value;
      children.splice(i, 1);
    }
    for (const child of children) pending.push(child);
  }
}

export function getCellWidth(cell: string): number {
  return Math.min(cell.length, MAX_CELL_WIDTH);
}

/** For the conversion to HTML: a table that would need too many empty cells gets none and loses its alignment. */
export function limitTableCells(root: MarkdownRoot, budgets: Budgets): void {
  visit(root);

  function visit(node: MarkdownNode): void {
    if (node.type === "table") {
      const rows = node.children.map(({ children }) => children.length);
      const missing = countMissingCells(rows, node.align?.length ?? 0);
      if (missing > budgets.cells) node.align = null;
      else budgets.cells -= missing;
    } else if ("children" in node) for (const child of node.children) visit(child);
  }
}

function countMissingCells(rows: readonly number[], columns: number): number {
  return rows.reduce((missing, cells) => missing + Math.max(0, columns - cells), 0);
}

/**
 * For the conversion to Markdown, one converter for each text: turns a table that would need too many empty cells into
 * paragraphs, one for each row.
 */
export function createTableConverter(): (table: HtmlElement) => HtmlChild[] {
  let cellBudget = MAX_FILLED_CELLS;
  return (table) => {
    const rows = collectRows(table);
    const lengths = rows.map(({ children }) => children.length);
    const missing = countMissingCells(lengths, Math.max(0, ...lengths));
    const [captions, rest] = splitCaptions(table.children);
    if (missing > cellBudget)
      return [...captions, ...rows.map(({ children }) => createHtmlElement("div", {}, joinCells(children)))];
    cellBudget -= missing;
    return [...captions, createHtmlElement("table", table.properties, rest)];
  };
}

function collectRows({ children }: HtmlElement): HtmlElement[] {
  return children.flatMap((child) => {
    if (child.type !== "element") return [];
    return child.tagName === "tr" ? [child] : collectRows(child);
  });
}

/** Separates the captions, which Markdown's tables cannot contain, from the rest of a table. */
function splitCaptions(children: readonly HtmlChild[]): [captions: HtmlChild[], rest: HtmlChild[]] {
  const isCaption = (child: HtmlChild) => child.type === "element" && child.tagName === "caption";
  const captions = children.filter(isCaption).flatMap((child) => (child.type === "element" ? child.children : []));
  return [
    captions.length > 0 ? [createHtmlElement("div", {}, captions)] : [],
    children.filter((child) => !isCaption(child)),
  ];
}

/** The content of the cells, separated by spaces. */
function joinCells(cells: readonly HtmlChild[]): HtmlChild[] {
  return cells.flatMap((cell) => {
    const content = cell.type === "element" ? cell.children : [cell];
    return [createHtmlText(" "), ...content];
  });
}
