import { toImageElements, toLinkElements } from "./adapt-for-plane.ts";
import { createInlineCode, flattenToLine, hasBlock } from "./one-line.ts";
import { toSafeLink } from "./sanitize-schema.ts";
import { createTableConverter } from "./tables.ts";
import {
  createHtmlElement,
  createHtmlText,
  type HtmlChild,
  type HtmlElement,
  type HtmlRoot,
  transformTree,
} from "./tree.ts";

/** What Plane's editor embeds and Markdown has no words for. */
const EMBED_TEXTS: Record<string, string> = {
  "image-component": "(image)",
  "attachment-component": "(attachment)",
  "issue-embed-component": "(embedded work item)",
  "page-embed-component": "(embedded page)",
};

/** Under the names that Markdown's writer has rules for; texts right in the others it would take for markup. */
const TAG_ALIASES: Record<string, string> = {
  s: "del",
  strike: "del",
  b: "strong",
  i: "em",
  dl: "div",
  dt: "div",
  dd: "div",
  details: "div",
  summary: "div",
  section: "div",
  article: "div",
};

const EMPHASIS_TAGS = new Set(["strong", "em", "del"]);

/**
 * HTML of Plane's editor in plain elements that Markdown has words for: mentions by name (`names`, by Plane's id),
 * task items with a box, what is embedded said in words.
 */
export function simplifyPlaneHtml(root: HtmlRoot, names: ReadonlyMap<string, string>): HtmlRoot {
  const convertTable = createTableConverter();
  return transformTree(root, (node, ancestors) => {
    const { tagName, properties, children } = node;
    const embedText = EMBED_TEXTS[tagName];
    if (embedText !== undefined) return [createHtmlText(embedText)];
    switch (tagName) {
      case "mention-component":
        return [createHtmlText(`@${getMentionName(properties, names)}`)];
      case "img":
        return toImageElements(node, toSafeLink(properties["src"]), ancestors.includes("a"));
      case "a":
        return toBlockLink(toSafeLink(properties["href"]), children);
      case "li":
        return [properties["dataType"] === "taskItem" ? toTaskItem(node) : node];
      case "label":
        return children;
      case "table":
        return convertTable(node);
      case "code":
        return [ancestors.includes("pre") ? node : createInlineCode(properties, children)];
      case "th":
      case "td":
      case "h1":
      case "h2":
      case "h3":
      case "h4":
      case "h5":
      case "h6":
        return [createHtmlElement(tagName, properties, flattenToLine(children))];
      case "sup":
        return [createHtmlText("^"), ...children];
      case "input":
        return ancestors.includes("li") && properties["type"] === "checkbox" ? [node] : [];
      case "div":
        return [properties["dataType"] === "horizontalRule" ? createHtmlElement("hr", {}, []) : node];
      case "ul":
      case "ol":
        return [createHtmlElement(tagName, properties, wrapInItems(children))];
      case "p":
        return [createHtmlElement(hasBlock(children) ? "div" : "p", properties, children)];
      default:
        return toAliasedElement(TAG_ALIASES[tagName] ?? tagName);
    }

    function toAliasedElement(name: string): HtmlChild[] {
      // Emphasis is within a paragraph, and not in itself.
      const isNested = ancestors.some((ancestor) => (TAG_ALIASES[ancestor] ?? ancestor) === name);
      if (EMPHASIS_TAGS.has(name) && (isNested || hasBlock(children))) return children;
      return [createHtmlElement(name, properties, children)];
    }
  });
}

function getMentionName(properties: HtmlElement["properties"], names: ReadonlyMap<string, string>): string {
  const { entity_identifier: id, label } = properties;
  const name = typeof id === "string" ? names.get(id) : undefined;
  return (
    name ?? [label, id].find((candidate) => typeof candidate === "string" && candidate !== "")?.toString() ?? "someone"
  );
}

/** The editor keeps whether it is done beside its box, which is drawn in a label. */
function toTaskItem({ properties, children }: HtmlElement): HtmlChild {
  const checked = properties["dataChecked"] === "true" || properties["dataChecked"] === true;
  const rest = children.filter((child) => child.type !== "element" || child.tagName !== "input");
  return createHtmlElement("li", {}, [createHtmlElement("input", { type: "checkbox", checked }, []), ...rest]);
}

/** A link is within a paragraph: where it leads comes after blocks. */
function toBlockLink(href: string | undefined, children: HtmlChild[]): HtmlChild[] {
  if (href === undefined || !hasBlock(children)) return toLinkElements(href, children);
  return [...children, createHtmlElement("p", {}, toLinkElements(href, [createHtmlText(href)]))];
}

/** What stands in a list and in no item of it, in items. */
function wrapInItems(children: readonly HtmlChild[]): HtmlChild[] {
  const items: HtmlChild[] = [];
  let stray: HtmlChild[] = [];
  const flushStray = () => {
    if (stray.some((child) => child.type !== "text" || child.value.trim() !== ""))
      items.push(createHtmlElement("li", {}, stray));
    stray = [];
  };
  for (const child of children) {
    const isItem = child.type === "element" && child.tagName === "li";
    if (isItem) flushStray();
    (isItem ? items : stray).push(child);
  }
  flushStray();
  return items;
}
