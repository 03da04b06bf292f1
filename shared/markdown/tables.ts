import {
  createHtmlElement,
  createHtmlText,
  type HtmlChild,
  type HtmlElement,
  type MarkdownNode,
  type MarkdownRoot,
} from "./tree.ts";

/**
 * Limit of the empty cells that are added to tables: 20,000. Both converters make every row as long as the longest, so
 * a short text could create a hundred million cells.
 */
const MAX_FILLED_CELLS = 20_000;

/** Limit of the width to which cells are padded: 40, because one long cell would widen its whole column. */
const MAX_CELL_WIDTH = 40;

export function getCellWidth(cell: string): number {
  return Math.min(cell.length, MAX_CELL_WIDTH);
}

/** For the conversion to HTML: a table that would need too many empty cells gets none and loses its alignment. */
export function limitTableCells(root: MarkdownRoot): void {
  let cellBudget = MAX_FILLED_CELLS;
  visit(root);

  function visit(node: MarkdownNode): void {
    if (node.type === "table") {
      const rows = node.children.map(({ children }) => children.length);
      const missing = countMissingCells(rows, node.align?.length ?? 0);
      if (missing > cellBudget) node.align = null;
      else cellBudget -= missing;
    } else if ("children" in node) for (const child of node.children) visit(child);
  }
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

/** Separates the captions, which Markdown's tables cannot contain, from the rest of a table. */
function splitCaptions(children: readonly HtmlChild[]): [captions: HtmlChild[], rest: HtmlChild[]] {
  const isCaption = (child: HtmlChild) => child.type === "element" && child.tagName === "caption";
  const captions = children.filter(isCaption).flatMap((child) => (child.type === "element" ? child.children : []));
  return [
    captions.length > 0 ? [createHtmlElement("div", {}, captions)] : [],
    children.filter((child) => !isCaption(child)),
  ];
}

function countMissingCells(rows: readonly number[], columns: number): number {
  return rows.reduce((missing, cells) => missing + Math.max(0, columns - cells), 0);
}

function collectRows({ children }: HtmlElement): HtmlElement[] {
  return children.flatMap((child) => {
    if (child.type !== "element") return [];
    return child.tagName === "tr" ? [child] : collectRows(child);
  });
}

/** The content of the cells, separated by spaces. */
function joinCells(cells: readonly HtmlChild[]): HtmlChild[] {
  return cells.flatMap((cell) => {
    const content = cell.type === "element" ? cell.children : [cell];
    return [createHtmlText(" "), ...content];
  });
}
