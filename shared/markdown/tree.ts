import type rehypeSanitize from "rehype-sanitize";
import type remarkRehype from "remark-rehype";

/** The tree of HTML that the parser, the sanitiser and the writers share. */
export type HtmlRoot = Parameters<ReturnType<typeof rehypeSanitize>>[0];
export type HtmlNode = HtmlRoot["children"][number];
export type HtmlElement = Extract<HtmlNode, { type: "element" }>;
export type HtmlChild = HtmlElement["children"][number];

/** The tree of Markdown that its reader and its writer share. */
export type MarkdownRoot = Parameters<ReturnType<typeof remarkRehype>>[0];
export type MarkdownNode = MarkdownRoot | MarkdownRoot["children"][number];

/** Deeper elements are left out and what they say is kept: writers go down such a tree by recursion. */
export const MAX_TREE_DEPTH = 40;

/** An element nobody would see anything of, unless it is one of these. */
const VISIBLE_EMPTY_TAGS = new Set(["br", "hr", "input", "td", "th", "tr", "li"]);

/** What holds no text for readers. */
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

/** The element's place: inside which others, the innermost last. */
export type AncestorTags = readonly string[];

/**
 * The tree anew, from the leaves up, each element as `change` answers it (several, or none, in its place). Elements
 * deeper than `DEPTH` are replaced by what they hold and those that show nothing are left out.
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

/** All text in an element, however deep: without recursion. */
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
