import { type Child, type Element, element, type Markdown, type MarkdownNode, text } from "./tree.ts";

/** What begins on a line of its own. */
const BLOCK = new Set([
  ...[
    "p",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "blockquote",
    "pre",
    "ul",
    "ol",
    "li",
    "hr",
    "div",
    "section",
    "article",
  ],
  ...["details", "summary", "dl", "dt", "dd", "table", "thead", "tbody", "tfoot", "caption", "tr", "th", "td"],
]);

export function hasBlock(children: readonly Child[]): boolean {
  return children.some((child) => child.type === "element" && (BLOCK.has(child.tagName) || hasBlock(child.children)));
}

/**
 * What stands in a heading or a cell of a table, which Markdown ends with the line: each block in it is words with
 * blanks around them, code too. Else what is said in its second line would be markup of its own.
 */
export function onOneLine(children: readonly Child[]): Child[] {
  return children.flatMap((child): Child[] => {
    if (child.type !== "element") return [child];
    const { tagName, properties } = child;
    if (tagName === "input") return [text(properties["checked"] === true ? "[x] " : "[ ] ")];
    if (tagName === "pre") return [text(" "), codeOf({}, child.children), text(" ")];
    const inside = onOneLine(child.children);
    return BLOCK.has(tagName) ? [text(" "), ...inside, text(" ")] : [{ ...child, children: inside }];
  });
}

/** Code within a line: of several lines it would be read as markup from the second on. */
export function codeOf(properties: Element["properties"], children: readonly Child[]): Element {
  return element("code", properties, [text(said(children).replace(/\s+/g, " "))]);
}

function said(children: readonly Child[]): string {
  return children
    .map((child) => {
      if (child.type !== "element") return child.type === "text" ? child.value : "";
      const inside = said(child.children);
      return child.tagName === "br" || BLOCK.has(child.tagName) ? ` ${inside} ` : inside;
    })
    .join("");
}

/** Makes one of pieces of code that follow each other: their marks would run into one another. */
export function joined(root: Markdown): void {
  const open: MarkdownNode[] = [root];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (!("children" in node)) continue;
    const { children }: { children: MarkdownNode[] } = node;
    for (let i = children.length - 1; i > 0; i -= 1) {
      const [before, code] = [children[i - 1], children[i]];
      if (before?.type !== "inlineCode" || code?.type !== "inlineCode") continue;
      before.value += code.value;
      children.splice(i, 1);
    }
    open.push(...children);
  }
}
