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

/** Texts for the embedded elements of Plane's editor that Markdown cannot express. */
const EMBED_TEXTS: Record<string, string> = {
  "image-component": "(image)",
  "attachment-component": "(attachment)",
  "issue-embed-component": "(embedded work item)",
  "page-embed-component": "(embedded page)",
};

/**
 * Equivalent elements that the converter to Markdown supports. It would take text directly inside the others for
 * markup.
 */
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
 * Reduces the HTML of Plane's editor to elements that Markdown can express: mentions become names (`names` by Plane's
 * id), task items get a checkbox, embedded elements become text.
 */
export function simplifyPlaneHtml(root: HtmlRoot, names: ReadonlyMap<string, string>): HtmlRoot {
  const convertTable = createTableConverter();
  return transformTree(root, (node, ancestors) => {
    const { tagName, properties, children } = node;
    const embedText = EMBED_TEXTS[tagName];
    if (embedText !== undefined) return [createHtmlText(embedText)];
    switch (tagName) {
      case "mention-component":
        // Plane's mentions are empty; one that is never closed contains what follows it.
        return [createHtmlText(`@${getMentionName(properties, names)}`), ...children];
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
      // Markdown's emphasis cannot contain blocks or emphasis of the same kind.
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

/** The editor stores the state of a task item in an attribute of the item, not in its checkbox. */
function toTaskItem({ properties, children }: HtmlElement): HtmlChild {
  const checked = properties["dataChecked"] === "true" || properties["dataChecked"] === true;
  const rest = children.filter((child) => child.type !== "element" || child.tagName !== "input");
  return createHtmlElement("li", {}, [createHtmlElement("input", { type: "checkbox", checked }, []), ...rest]);
}

/** A Markdown link cannot contain blocks, so for blocks the link follows after them. */
function toBlockLink(href: string | undefined, children: HtmlChild[]): HtmlChild[] {
  if (href === undefined || !hasBlock(children)) return toLinkElements(href, children);
  return [...children, createHtmlElement("p", {}, toLinkElements(href, [createHtmlText(href)]))];
}

/** Wraps the content of a list that is outside its items in items. */
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
