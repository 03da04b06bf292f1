import type rehypeSanitize from "rehype-sanitize";
import type remarkRehype from "remark-rehype";

/** The HTML tree that the parser, the sanitizer and the writers share. */
export type HtmlRoot = Parameters<ReturnType<typeof rehypeSanitize>>[0];
export type HtmlNode = HtmlRoot["children"][number];
export type HtmlElement = Extract<HtmlNode, { type: "element" }>;
export type HtmlChild = HtmlElement["children"][number];

/** The Markdown tree that the parser and the writer share. */
export type MarkdownRoot = Parameters<ReturnType<typeof remarkRehype>>[0];
export type MarkdownNode = MarkdownRoot | MarkdownRoot["children"][number];

/** Limit of a tree's depth: 40, because the writers are recursive. Deeper elements are reduced to their text. */
export const MAX_TREE_DEPTH = 40;

/** Elements that are kept although they are empty. */
const VISIBLE_EMPTY_TAGS = new Set(["br", "hr", "input", "td", "th", "tr", "li"]);

/** Elements without text for readers. */
const HIDDEN_TAGS = new Set(["script", "style", "template", "title", "noscript", "svg", "math", "iframe", "object"]);

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

/** The tags of the elements around an element, the innermost last. */
export type AncestorTags = readonly string[];

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
      (child) => child.type !== "element" || isVisible(child),
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

function isVisible({ tagName, children }: HtmlElement): boolean {
  return VISIBLE_EMPTY_TAGS.has(tagName) || children.some((child) => child.type !== "text" || child.value !== "");
}
