import type rehypeSanitize from "rehype-sanitize";
import type remarkRehype from "remark-rehype";

/** The tree of HTML that the parser, the sanitiser and the writers share. */
export type Root = Parameters<ReturnType<typeof rehypeSanitize>>[0];
export type Node = Root["children"][number];
export type Element = Extract<Node, { type: "element" }>;
export type Child = Element["children"][number];

/** The tree of Markdown that its reader and its writer share. */
export type Markdown = Parameters<ReturnType<typeof remarkRehype>>[0];
export type MarkdownNode = Markdown | Markdown["children"][number];

/** Deeper elements are left out and what they say is kept: writers go down such a tree by recursion. */
export const DEPTH = 40;

/** An element nobody would see anything of, unless it is one of these. */
const SEEN = new Set(["br", "hr", "input", "td", "th", "tr", "li"]);

/** What holds no text for readers. */
const UNREAD = new Set(["script", "style", "template", "title", "noscript", "svg", "math", "iframe", "object"]);

export function element(tagName: string, properties: Element["properties"], children: Child[]): Element {
  return { type: "element", tagName, properties, children };
}

export function text(value: string): Child {
  return { type: "text", value };
}

/** The element's place: inside which others, the innermost last. */
export type Inside = readonly string[];

/**
 * The tree anew, from the leaves up, each element as `change` answers it (several, or none, in its place). Elements
 * deeper than `DEPTH` are replaced by what they hold and those that show nothing are left out.
 */
export function rebuilt(root: Root, change: (element: Element, inside: Inside) => Child[]): Root {
  const children = root.children.flatMap((node) => (node.type === "doctype" ? [] : under(node, [])));
  return { ...root, children };

  function under(node: Child, inside: Inside): Child[] {
    if (node.type === "text") return [node];
    if (node.type !== "element" || UNREAD.has(node.tagName)) return [];
    if (inside.length >= DEPTH) return textsOf(node);
    const within = [...inside, node.tagName];
    const held = node.children.flatMap((child) => under(child, within));
    return change({ ...node, children: held }, inside).filter((child) => child.type !== "element" || isSeen(child));
  }
}

/** All text in an element, however deep: without recursion. */
function textsOf(start: Element): Child[] {
  const found: Child[] = [];
  const open: Child[] = [start];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (node.type === "text") found.push(node);
    if (node.type === "element" && !UNREAD.has(node.tagName)) open.push(...node.children.toReversed());
  }
  return found;
}

function isSeen({ tagName, children }: Element): boolean {
  return SEEN.has(tagName) || children.some((child) => child.type !== "text" || child.value !== "");
}
