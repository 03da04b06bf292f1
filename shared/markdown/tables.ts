import {
  createHtmlElement,
  createHtmlText,
  type HtmlChild,
  type HtmlElement,
  type MarkdownNode,
  type MarkdownRoot,
} from "./tree.ts";

/**
 * So many cells that nobody wrote are filled in: both ways make every row of a table as long as its longest, and a
 * short text could ask for a hundred million.
 */
const MAX_FILLED_CELLS = 20_000;

/** For padding, a cell counts as wide as this at the most: else one long cell makes its whole column as wide. */
const MAX_CELL_WIDTH = 40;

export function getCellWidth(cell: string): number {
  return Math.min(cell.length, MAX_CELL_WIDTH);
}

/** On the way to HTML: tables that would be filled with too much keep the cells they have, without their alignment. */
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

/** On the way to Markdown, one for each text: the table, or its rows as paragraphs where it would be filled too much. */
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

/** Captions, which Markdown's tables have no place for, and the rest. */
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

/** What the cells hold, with a blank between them. */
function joinCells(cells: readonly HtmlChild[]): HtmlChild[] {
  return cells.flatMap((cell) => {
    const content = cell.type === "element" ? cell.children : [cell];
    return [createHtmlText(" "), ...content];
  });
}
