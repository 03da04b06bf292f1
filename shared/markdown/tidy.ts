import { linkable } from "./schema.ts";
import { type Child, type Element, element, type Root, rebuilt, text } from "./tree.ts";

/**
 * So many characters of addresses are written: one that is given once can be named thousands of times. What would
 * lead further is only said.
 */
const ADDRESSES = 500_000;

/**
 * HTML made of Markdown as Plane's editor takes it: task lists in its own form, images as links (nothing is loaded
 * from elsewhere when somebody looks at it), addresses only of the allowed kinds.
 */
export function tidied(root: Root): Root {
  let room = ADDRESSES;
  const afforded = (address: unknown) => {
    const href = linkable(address);
    room -= href?.length ?? 0;
    return room < 0 ? undefined : href;
  };
  return rebuilt(root, (node, inside) => {
    switch (node.tagName) {
      case "a":
        // Plane keeps no names for a note's way back to lead to.
        if (node.properties["dataFootnoteBackref"] !== undefined) return [];
        return linked(afforded(node.properties["href"]), node.children);
      case "img":
        return image(node, afforded(node.properties["src"]), inside.includes("a"));
      case "h2":
        return node.properties["id"] === "footnote-label" ? [] : [node];
      case "ul":
      case "ol":
        return [withTasks(node)];
      case "section":
        return node.children;
      default:
        return [node];
    }
  });
}

export function linked(href: string | undefined, children: Child[]): Child[] {
  return href === undefined ? children : [element("a", { href }, children)];
}

/** An image as a link to where it is; inside another link only what it shows. */
export function image({ properties: { alt } }: Element, href: string | undefined, inLink: boolean): Child[] {
  const named = typeof alt === "string" && alt.trim() !== "" ? alt : (href ?? "");
  return named === "" ? [] : linked(inLink ? undefined : href, [text(named)]);
}

/** A list all of whose items have a box is a task list; boxes elsewhere are said in text. */
function withTasks(list: Element): Element {
  const boxes = list.children.flatMap((child) => (child.type === "element" ? [boxOf(child)] : []));
  if (boxes.every((box) => box === undefined)) return list;
  const whole = list.tagName === "ul" && boxes.every((box) => box !== undefined);
  const children = list.children.map((child) => {
    const box = child.type === "element" ? boxOf(child) : undefined;
    if (box === undefined) return child;
    const { checked, inPlace } = box;
    if (!whole) return element("li", {}, inPlace([text(checked ? "[x] " : "[ ] ")]));
    return element("li", { dataType: "taskItem", dataChecked: String(checked) }, inPlace([]));
  });
  return element(list.tagName, whole ? { dataType: "taskList" } : {}, children);
}

interface Box {
  checked: boolean;
  /** What the item holds, with something else where the box is. */
  inPlace: (instead: Child[]) => Child[];
}

/** The box an item begins with, in it or in its first paragraph. */
function boxOf(item: Element): Box | undefined {
  const at = item.children.findIndex((child) => child.type === "element");
  const head = item.children[at];
  if (head?.type !== "element") return undefined;
  const after = item.children.slice(at + 1);
  if (head.tagName === "input") {
    const checked = head.properties["checked"] === true;
    return { checked, inPlace: (instead) => [...instead, ...withoutBlank(after)] };
  }
  const inner = head.tagName === "p" ? boxOf(head) : undefined;
  return (
    inner && {
      checked: inner.checked,
      inPlace: (instead) => [{ ...head, children: inner.inPlace(instead) }, ...after],
    }
  );
}

function withoutBlank([first, ...others]: Child[]): Child[] {
  if (first?.type !== "text") return first ? [first, ...others] : others;
  return [text(first.value.replace(/^[ \t]+/, "")), ...others];
}
