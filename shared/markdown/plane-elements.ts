import { linkable } from "./schema.ts";
import { image, linked } from "./tidy.ts";
import { type Child, type Element, element, type Root, rebuilt, text } from "./tree.ts";

/** What Plane's editor embeds and Markdown has no words for. */
const EMBEDDED: Record<string, string> = {
  "image-component": "(image)",
  "attachment-component": "(attachment)",
  "issue-embed-component": "(embedded work item)",
  "page-embed-component": "(embedded page)",
};

const PLAIN: Record<string, string> = { s: "del", strike: "del", b: "strong", i: "em" };

/**
 * HTML of Plane's editor in plain elements that Markdown has words for: mentions by name (`names`, by Plane's id),
 * task items with a box, what is embedded said in words.
 */
export function plain(root: Root, names: ReadonlyMap<string, string>): Root {
  return rebuilt(root, (node, inside) => {
    const { tagName, properties, children } = node;
    const embedded = EMBEDDED[tagName];
    if (embedded !== undefined) return [text(embedded)];
    switch (tagName) {
      case "mention-component":
        return [text(`@${mentioned(properties, names)}`)];
      case "img":
        return image(node, inside.includes("a"));
      case "a":
        return linked(linkable(properties["href"]), children);
      case "li":
        return [properties["dataType"] === "taskItem" ? taskItem(node) : node];
      case "label":
        return children;
      case "sup":
        return [text("^"), ...children];
      case "input":
        return inside.includes("li") && properties["type"] === "checkbox" ? [node] : [];
      case "div":
        return [properties["dataType"] === "horizontalRule" ? element("hr", {}, []) : node];
      default:
        return [element(PLAIN[tagName] ?? tagName, properties, children)];
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
