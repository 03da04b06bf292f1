import {
  createHtmlElement,
  createHtmlText,
  type HtmlChild,
  type HtmlElement,
  type MarkdownNode,
  type MarkdownRoot,
} from "./tree.ts";

/** What begins on a line of its own. */
const BLOCK_TAGS = new Set([
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

export function hasBlock(children: readonly HtmlChild[]): boolean {
  return children.some(
    (child) => child.type === "element" && (BLOCK_TAGS.has(child.tagName) || hasBlock(child.children)),
  );
}

/**
 * What stands in a heading or a cell of a table, which Markdown ends with the line: each block in it is words with
 * blanks around them, code too. Else what is said in its second line would be markup of its own.
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

/** Code within a line: of several lines it would be read as markup from the second on. */
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

/** Makes one of pieces of code that follow each other: their marks would run into one another. */
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
    pending.push(...children);
  }
}
