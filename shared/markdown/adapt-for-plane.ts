import { toSafeLink } from "./sanitize-schema.ts";
import {
  createHtmlElement,
  createHtmlText,
  type HtmlChild,
  type HtmlElement,
  type HtmlRoot,
  transformTree,
} from "./tree.ts";

/**
 * Limit of all addresses in the output, in characters: 500,000, because Markdown can reference one address thousands of
 * times. Links beyond the limit become plain text.
 */
const MAX_ADDRESS_CHARACTERS = 500_000;

/**
 * Adapts HTML from Markdown to Plane's editor: task lists in the editor's form, images as links (so that viewing loads
 * nothing from other servers), and only addresses of the allowed kinds.
 */
export function adaptForPlane(root: HtmlRoot): HtmlRoot {
  let characterBudget = MAX_ADDRESS_CHARACTERS;
  const takeAddress = (address: unknown) => {
    const href = toSafeLink(address);
    characterBudget -= href?.length ?? 0;
    return characterBudget < 0 ? undefined : href;
  };
  return transformTree(root, (node, ancestors) => {
    switch (node.tagName) {
      case "a":
        // Plane removes the ids to which a footnote's back link would lead.
        if (node.properties["dataFootnoteBackref"] !== undefined) return [];
        return toLinkElements(takeAddress(node.properties["href"]), node.children);
      case "img":
        return toImageElements(node, takeAddress(node.properties["src"]), ancestors.includes("a"));
      case "h2":
        return node.properties["id"] === "footnote-label" ? [] : [node];
      case "ul":
      case "ol":
        return [markTaskItems(node)];
      case "section":
        return node.children;
      default:
        return [node];
    }
  });
}

export function toLinkElements(href: string | undefined, children: HtmlChild[]): HtmlChild[] {
  return href === undefined ? children : [createHtmlElement("a", { href }, children)];
}

/** Replaces an image by a link to it; inside another link only by its alternative text. */
export function toImageElements(
  { properties: { alt } }: HtmlElement,
  href: string | undefined,
  inLink: boolean,
): HtmlChild[] {
  const label = typeof alt === "string" && alt.trim() !== "" ? alt : (href ?? "");
  return label === "" ? [] : toLinkElements(inLink ? undefined : href, [createHtmlText(label)]);
}

/** A list is a task list if every item has a checkbox. Checkboxes in other lists become text. */
function markTaskItems(list: HtmlElement): HtmlElement {
  const boxes = list.children.flatMap((child) => (child.type === "element" ? [findCheckbox(child)] : []));
  if (boxes.every((box) => box === undefined)) return list;
  const isTaskList = list.tagName === "ul" && boxes.every((box) => box !== undefined);
  const children = list.children.map((child) => {
    const box = child.type === "element" ? findCheckbox(child) : undefined;
    if (box === undefined) return child;
    const { checked, replaceBox } = box;
    if (!isTaskList) return createHtmlElement("li", {}, replaceBox([createHtmlText(checked ? "[x] " : "[ ] ")]));
    return createHtmlElement("li", { dataType: "taskItem", dataChecked: String(checked) }, replaceBox([]));
  });
  return createHtmlElement(list.tagName, isTaskList ? { dataType: "taskList" } : {}, children);
}

interface Checkbox {
  checked: boolean;
  /** The item's content with `replacement` in place of the checkbox. */
  replaceBox: (replacement: HtmlChild[]) => HtmlChild[];
}

/** The checkbox at the beginning of an item or of its first paragraph. */
function findCheckbox(item: HtmlElement): Checkbox | undefined {
  const at = item.children.findIndex((child) => child.type === "element");
  const head = item.children[at];
  if (head?.type !== "element") return undefined;
  const after = item.children.slice(at + 1);
  if (head.tagName === "input") {
    const checked = head.properties["checked"] === true;
    return { checked, replaceBox: (replacement) => [...replacement, ...trimFirstText(after)] };
  }
  const inner = head.tagName === "p" ? findCheckbox(head) : undefined;
  return (
    inner && {
      checked: inner.checked,
      replaceBox: (replacement) => [{ ...head, children: inner.replaceBox(replacement) }, ...after],
    }
  );
}

function trimFirstText([first, ...others]: HtmlChild[]): HtmlChild[] {
  if (first?.type !== "text") return first ? [first, ...others] : others;
  return [createHtmlText(first.value.replace(/^[ \t]+/, "")), ...others];
}
