import { type Child, type Element, element, type Markdown, type MarkdownNode, text } from "./tree.ts";

/**
 * So many cells that nobody wrote are filled in: both ways make every row of a table as long as its longest, and a
 * short text could ask for a hundred million.
 */
const FILLED = 20_000;

/** For padding, a cell counts as wide as this at the most: else one long cell makes its whole column as wide. */
const WIDTH = 40;

export function widthOf(cell: string): number {
  return Math.min(cell.length, WIDTH);
}

/** On the way to HTML: tables that would be filled with too much keep the cells they have, without their alignment. */
export function unfilled(root: Markdown): void {
  let room = FILLED;
  visit(root);

  function visit(node: MarkdownNode): void {
    if (node.type === "table") {
      const rows = node.children.map(({ children }) => children.length);
      const missing = missingIn(rows, node.align?.length ?? 0);
      if (missing > room) node.align = null;
      else room -= missing;
    } else if ("children" in node) for (const child of node.children) visit(child);
  }
}

/** On the way to Markdown, one for each text: the table, or its rows as paragraphs where it would be filled too much. */
export function createTables(): (table: Element) => Child[] {
  let room = FILLED;
  return (table) => {
    const rows = rowsIn(table);
    const lengths = rows.map(({ children }) => children.length);
    const missing = missingIn(lengths, Math.max(0, ...lengths));
    const [captions, rest] = parted(table.children);
    if (missing > room) return [...captions, ...rows.map(({ children }) => element("div", {}, apart(children)))];
    room -= missing;
    return [...captions, element("table", table.properties, rest)];
  };
}

/** Captions, which Markdown's tables have no place for, and the rest. */
function parted(children: readonly Child[]): [captions: Child[], rest: Child[]] {
  const isCaption = (child: Child) => child.type === "element" && child.tagName === "caption";
  const captions = children.filter(isCaption).flatMap((child) => (child.type === "element" ? child.children : []));
  return [captions.length > 0 ? [element("div", {}, captions)] : [], children.filter((child) => !isCaption(child))];
}

function missingIn(rows: readonly number[], columns: number): number {
  return rows.reduce((missing, cells) => missing + Math.max(0, columns - cells), 0);
}

function rowsIn({ children }: Element): Element[] {
  return children.flatMap((child) => {
    if (child.type !== "element") return [];
    return child.tagName === "tr" ? [child] : rowsIn(child);
  });
}

/** What the cells hold, with a blank between them. */
function apart(cells: readonly Child[]): Child[] {
  return cells.flatMap((cell) => [text(" "), ...(cell.type === "element" ? cell.children : [cell])]);
}
