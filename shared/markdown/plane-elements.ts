import { codeOf, hasBlock, onOneLine } from "./one-line.ts";
import { linkable } from "./schema.ts";
import { createTables } from "./tables.ts";
import { image, linked } from "./tidy.ts";
import { type Child, type Element, element, type Root, rebuilt, text } from "./tree.ts";

/** What Plane's editor embeds and Markdown has no words for. */
const EMBEDDED: Record<string, string> = {
  "image-component": "(image)",
  "attachment-component": "(attachment)",
  "issue-embed-component": "(embedded work item)",
  "page-embed-component": "(embedded page)",
};

/** Under the names that Markdown's writer has rules for; texts right in the others it would take for markup. */
const PLAIN: Record<string, string> = {
  ...{ s: "del", strike: "del", b: "strong", i: "em" },
  ...{ dl: "div", dt: "div", dd: "div", details: "div", summary: "div", section: "div", article: "div" },
};

const EMPHASIS = new Set(["strong", "em", "del"]);

/**
 * HTML of Plane's editor in plain elements that Markdown has words for: mentions by name (`names`, by Plane's id),
 * task items with a box, what is embedded said in words.
 */
export function plain(root: Root, names: ReadonlyMap<string, string>): Root {
  const tableOf = createTables();
  return rebuilt(root, (node, inside) => {
    const { tagName, properties, children } = node;
    const embedded = EMBEDDED[tagName];
    if (embedded !== undefined) return [text(embedded)];
    switch (tagName) {
      case "mention-component":
        return [text(`@${mentioned(properties, names)}`)];
      case "img":
        return image(node, linkable(properties["src"]), inside.includes("a"));
      case "a":
        return linkTo(linkable(properties["href"]), children);
      case "li":
        return [properties["dataType"] === "taskItem" ? taskItem(node) : node];
      case "label":
        return children;
      case "table":
        return tableOf(node);
      case "code":
        return [inside.includes("pre") ? node : codeOf(properties, children)];
      case "th":
      case "td":
      case "h1":
      case "h2":
      case "h3":
      case "h4":
      case "h5":
      case "h6":
        return [element(tagName, properties, onOneLine(children))];
      case "sup":
        return [text("^"), ...children];
      case "input":
        return inside.includes("li") && properties["type"] === "checkbox" ? [node] : [];
      case "div":
        return [properties["dataType"] === "horizontalRule" ? element("hr", {}, []) : node];
      case "ul":
      case "ol":
        return [element(tagName, properties, inItems(children))];
      case "p":
        return [element(hasBlock(children) ? "div" : "p", properties, children)];
      default:
        return named(PLAIN[tagName] ?? tagName);
    }

    function named(name: string): Child[] {
      // Emphasis is within a paragraph, and not in itself.
      const twice = inside.some((outer) => (PLAIN[outer] ?? outer) === name);
      if (EMPHASIS.has(name) && (twice || hasBlock(children))) return children;
      return [element(name, properties, children)];
    }
  });
}

function mentioned(properties: Element["properties"], names: ReadonlyMap<string, string>): string {
  const { entity_identifier: id, label } = properties;
  const name = typeof id === "string" ? names.get(id) : undefined;
  return name ?? [label, id].find((given) => typeof given === "string" && given !== "")?.toString() ?? "someone";
}

/** The editor keeps whether it is done beside its box, which is drawn in a label. */
function taskItem({ properties, children }: Element): Child {
  const checked = properties["dataChecked"] === "true" || properties["dataChecked"] === true;
  const rest = children.filter((child) => child.type !== "element" || child.tagName !== "input");
  return element("li", {}, [element("input", { type: "checkbox", checked }, []), ...rest]);
}

/** A link is within a paragraph: where it leads comes after blocks. */
function linkTo(href: string | undefined, children: Child[]): Child[] {
  if (href === undefined || !hasBlock(children)) return linked(href, children);
  return [...children, element("p", {}, linked(href, [text(href)]))];
}

/** What stands in a list and in no item of it, in items. */
function inItems(children: readonly Child[]): Child[] {
  const items: Child[] = [];
  let stray: Child[] = [];
  const end = () => {
    if (stray.some((child) => child.type !== "text" || child.value.trim() !== "")) items.push(element("li", {}, stray));
    stray = [];
  };
  for (const child of children) {
    const isItem = child.type === "element" && child.tagName === "li";
    if (isItem) end();
    (isItem ? items : stray).push(child);
  }
  end();
  return items;
}
