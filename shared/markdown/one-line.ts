import {
  createHtmlElement,
  createHtmlText,
  type HtmlChild,
  type HtmlElement,
  type MarkdownNode,
  type MarkdownRoot,
} from "./tree.ts";

/** The elements that begin on a new line. */
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
    pending.push(...children);
  }
}
