import { BLACK, blendColors, type CssColor, hasHiddenContrast, parseCssColor, WHITE } from "./css-color.ts";
import { isHidingStyle, parseDeclarations } from "./hiding-style.ts";
import { hasBlock } from "./one-line.ts";
import { readHidingSelectors } from "./style-sheet.ts";
import { createHtmlElement, createHtmlText, type HtmlChild, type HtmlElement, type HtmlRoot } from "./tree.ts";

/** Replaces removed text that a person reading the page does not see. */
export const HIDDEN_TEXT_MARK = "(hidden text removed)";

/** Whether HTML could contain hidden text. Avoids parsing HTML that contains none, which is the usual case. */
const MAY_HIDE =
  /\bstyle\b|hidden|popover|color|opacity|sr-only|invisible|transparent|<(?:details|dialog|video|audio|canvas)\b|class\s*=\s*(?:"[^"<>]*&|'[^'<>]*&)/i;

export function mayHideText(html: string): boolean {
  return MAY_HIDE.test(html);
}

/** Elements whose content is only shown by programs that do not support them. */
const FALLBACK_TAGS = new Set(["video", "audio", "canvas"]);

/** The utility classes by which Plane's own style sheet hides an element. */
const HIDING_CLASSES = new Set(["hidden", "invisible", "sr-only", "opacity-0", "text-transparent"]);

/** The colours at a place of the tree: of the text, and of what is behind it. */
interface Colors {
  text: CssColor;
  background: CssColor;
}

/**
 * Replaces every text that a person does not see in Plane by a mark: hidden by an attribute, by style, by a style sheet
 * in the text, by its colour, or in a closed `details`. Instructions in it must not reach an agent unseen. A text that
 * is hidden in some themes or programs only is removed too. Changes the tree. Not recursive, because trees may be deep.
 */
export function removeHiddenNodes(root: HtmlRoot): HtmlRoot {
  const isHiddenBySheet = readHidingSelectors(root);
  const pending: { parent: HtmlRoot | HtmlElement; colors: Colors }[] = [
    { parent: root, colors: { text: BLACK, background: WHITE } },
  ];
  for (let place = pending.pop(); place !== undefined; place = pending.pop()) {
    const { parent, colors } = place;
    if (parent.type === "element" && isClosedDetails(parent)) parent.children = closeDetails(parent);
    parent.children = parent.children.flatMap((child) => {
      if (child.type === "doctype") return [];
      if (child.type !== "element") return [child];
      const childColors = getColors(child, colors);
      if (childColors === undefined || isHiddenElement(child) || isHiddenBySheet(child)) return createMark(child);
      pending.push({ parent: child, colors: childColors });
      return [child];
    });
  }
  return root;
}

function isClosedDetails({ tagName, properties }: HtmlElement): boolean {
  return tagName === "details" && !isAttributeSet(properties["open"]);
}

/** Returns the summary of closed `details`, which is visible, and a mark in place of the rest. */
function closeDetails(details: HtmlElement): HtmlChild[] {
  const summary = details.children.find((child) => child.type === "element" && child.tagName === "summary");
  const rest = details.children.filter((child) => child !== summary);
  const mark = rest.some(hasText) ? [createHtmlElement("p", {}, [createHtmlText(HIDDEN_TEXT_MARK)])] : [];
  return summary ? [summary, ...mark] : mark;
}

function isAttributeSet(value: HtmlElement["properties"][string]): boolean {
  return value !== undefined && value !== null && value !== false;
}

function isHiddenElement({ tagName, properties }: HtmlElement): boolean {
  const classes = Array.isArray(properties["className"]) ? properties["className"] : [];
  return (
    isAttributeSet(properties["hidden"]) ||
    isAttributeSet(properties["popover"]) ||
    (tagName === "dialog" && !isAttributeSet(properties["open"])) ||
    FALLBACK_TAGS.has(tagName) ||
    classes.some((name) => HIDING_CLASSES.has(String(name))) ||
    isHidingStyle(parseStyle(properties))
  );
}

function parseStyle({ style }: HtmlElement["properties"]) {
  return parseDeclarations(typeof style === "string" ? style : "");
}

/** The colours in an element; undefined when its text cannot be seen. */
function getColors({ properties }: HtmlElement, outer: Colors): Colors | undefined {
  const style = parseStyle(properties);
  const textColor = parseCssColor(
    style.get("-webkit-text-fill-color") ?? style.get("color") ?? String(properties["color"] ?? ""),
  );
  const backgroundColor =
    parseCssColor(style.get("background-color") ?? String(properties["bgColor"] ?? "")) ??
    style
      .get("background")
      ?.split(/\s+(?![^(]*\))/)
      .map(parseCssColor)
      .find((color) => color !== undefined);
  if (textColor === undefined && backgroundColor === undefined) return outer;
  const background = backgroundColor ? blendColors(backgroundColor, outer.background) : outer.background;
  const text = textColor ?? outer.text;
  return hasHiddenContrast(text, background) ? undefined : { text, background };
}

/** Creates the mark that replaces a node, in an element that is valid at that place; none when the node has no text. */
function createMark(node: HtmlChild): HtmlChild[] {
  if (!hasText(node)) return [];
  const mark = createHtmlText(HIDDEN_TEXT_MARK);
  if (node.type !== "element") return [mark];
  switch (node.tagName) {
    case "li":
    case "td":
    case "th":
    case "caption":
      return [createHtmlElement(node.tagName, {}, [mark])];
    case "tr":
      return [createMarkedRow(mark)];
    case "thead":
    case "tbody":
    case "tfoot":
      return [createHtmlElement(node.tagName, {}, [createMarkedRow(mark)])];
    default:
      return hasBlock([createHtmlElement(node.tagName, {}, [])]) ? [createHtmlElement("p", {}, [mark])] : [mark];
  }
}

function createMarkedRow(mark: HtmlChild): HtmlElement {
  return createHtmlElement("tr", {}, [createHtmlElement("td", {}, [mark])]);
}

/** Whether a node contains text, or an image or embedded element, which is converted to text. */
function hasText(start: HtmlChild): boolean {
  const pending: HtmlChild[] = [start];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (node.type === "text" && node.value.trim() !== "") return true;
    if (node.type !== "element") continue;
    if (node.tagName === "img" || node.tagName.endsWith("-component")) return true;
    pending.push(...node.children);
  }
  return false;
}
