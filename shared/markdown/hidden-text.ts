/**
 * Text that a person would not see in Plane could instruct an agent, so it is removed: what a class, an attribute or a
 * style hides, makes tiny, moves away or paints in the colour of its background.
 */

import type { Rgb } from "culori";
import { blend, converter, modeHsl, modeHwb, modeLrgb, modeRgb, parse, useMode, wcagContrast } from "culori/fn";
import { countElements, isTooLargeForTree, limitHtml } from "./limits.ts";
import { convertInTurn, type Pause, toCost } from "./split-text.ts";
import {
  createHtmlElement,
  createHtmlText,
  type HtmlChild,
  type HtmlElement,
  type HtmlRoot,
  hasBlock,
} from "./tree.ts";

/** The declarations of a style attribute or a rule of a style sheet: values by property, in lower case. */
type CssDeclarations = ReadonlyMap<string, string>;

/** The colours at a place of the tree: of the text, and of what is behind it. */
interface Colors {
  text: Rgb;
  background: Rgb;
}

let loading: ReturnType<typeof loadFilter> | undefined;

/** Replaces removed text that a person reading the page does not see. */
export const HIDDEN_TEXT_MARK = "(hidden text removed)";

/** Whether HTML could contain hidden text. Avoids parsing HTML that contains none, which is the usual case. */
const MAY_HIDE =
  /\bstyle\b|hidden|popover|color|opacity|sr-only|invisible|transparent|<(?:details|dialog|video|audio|canvas)\b|class\s*=\s*(?:"[^"<>]*&|'[^'<>]*&)/i;

/** Elements whose content is only shown by programs that do not support them. */
const FALLBACK_TAGS = new Set(["video", "audio", "canvas"]);

/** The utility classes by which Plane's own style sheet hides an element. */
const HIDING_CLASSES = new Set(["hidden", "invisible", "sr-only", "opacity-0", "text-transparent"]);

/** The colours of Plane's page around a text. */
const PAGE_COLORS: Colors = { text: { mode: "rgb", r: 0, g: 0, b: 0 }, background: { mode: "rgb", r: 1, g: 1, b: 1 } };

/** Minimum of a readable font size: 4 px. */
const MIN_FONT_PX = 4;

/** Maximum of an offset to the left or top: 200 px; beyond it, text is outside the visible page. */
const MAX_OFFSET_PX = 200;

/** Maximum of an offset to the right or bottom: 3,000 px; beyond it, text is outside the widest screens. */
const MAX_FAR_OFFSET_PX = 3_000;

/** Minimum of the opacity of readable text: 0.1. */
const MIN_OPACITY = 0.1;

/** Pixels of a length of CSS with its usual font and window; a percentage is relative to 16 px, as font sizes are. */
const PIXELS: Record<string, number> = {
  "": 1,
  px: 1,
  pt: 4 / 3,
  pc: 16,
  em: 16,
  rem: 16,
  ex: 8,
  ch: 8,
  "%": 0.16,
  vw: 10,
  vh: 10,
  cm: 38,
  mm: 3.8,
  in: 96,
};

/** Limit of declarations in characters: 2,000, because the time of checking them can grow with their square. */
const MAX_DECLARATIONS_LENGTH = 2_000;

const MOVING_PROPERTIES = [
  ...["left", "top", "right", "bottom", "inset", "inset-inline-start", "inset-block-start", "text-indent", "translate"],
  ...["margin", "margin-left", "margin-top", "margin-right", "margin-bottom", "margin-inline-start", "transform"],
];

/** The last simple selectors of a rule: a tag, an id or a class. */
const SIMPLE_SELECTOR = /[.#]?[\w-]+/g;

// The forms of colours in CSS, and the one in which contrasts are computed.
for (const mode of [modeRgb, modeHsl, modeHwb, modeLrgb]) useMode(mode);

const toRgb = converter("rgb");

/** Minimum of the contrast ratio (WCAG 2) of readable text on its background: 1.2. */
const MIN_READABLE_CONTRAST = 1.2;

const NO_DECLARATIONS: CssDeclarations = new Map();

/**
 * Returns HTML from Plane with a mark in place of each text that people cannot see, and in place of all of it when it
 * could hide text and is too large to parse as a tree. Reads at most 100,000 characters of such HTML.
 */
export async function removeHiddenText(html: string): Promise<string> {
  if (!mayHideText(html)) return html;
  return convertInTurn((pause) => removeInSteps(limitHtml(html), pause));
}

async function removeInSteps(html: string, pause: Pause): Promise<string> {
  if (isTooLargeForTree(html)) return HIDDEN_TEXT_MARK;
  loading ??= loadFilter();
  const { parseHtml, write } = await loading;
  const cost = toCost(countElements(html), html.length);
  try {
    await pause(cost);
    const tree = parseHtml(html);
    await pause(cost);
    removeHiddenNodes(tree);
    await pause(cost);
    return write(tree);
  } catch (thrown) {
    // The recursive parser overflows the stack for very deep trees.
    if (!(thrown instanceof RangeError)) throw thrown;
    return `<p>${HIDDEN_TEXT_MARK}</p>`;
  }
}

async function loadFilter() {
  const [{ unified }, { parseHtml }, stringify] = await Promise.all([
    import("unified"),
    import("./parse-html.ts"),
    import("rehype-stringify"),
  ]);
  const writer = unified().use(stringify.default).freeze();
  return { parseHtml, write: (tree: ReturnType<typeof parseHtml>): string => writer.stringify(tree) };
}

/**
 * Replaces every text that a person does not see in Plane by a mark: hidden by an attribute, by style, by a style sheet
 * in the text, by its colour, or in a closed `details`. Instructions in it must not reach an agent unseen. A text that
 * is hidden in some themes or programs only is removed too. Changes the tree. Not recursive, because trees may be deep.
 */
export function removeHiddenNodes(root: HtmlRoot): HtmlRoot {
  const isHiddenBySheet = readHidingSelectors(root);
  const pending: { parent: HtmlRoot | HtmlElement; colors: Colors }[] = [{ parent: root, colors: PAGE_COLORS }];
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

function isAttributeSet(value: HtmlElement["properties"][string]): boolean {
  return value !== undefined && value !== null && value !== false;
}

/** Returns the summary of closed `details`, which is visible, and a mark in place of the rest. */
function closeDetails(details: HtmlElement): HtmlChild[] {
  const summary = details.children.find((child) => child.type === "element" && child.tagName === "summary");
  const rest = details.children.filter((child) => child !== summary);
  const mark = rest.some(hasText) ? [createHtmlElement("p", {}, [createHtmlText(HIDDEN_TEXT_MARK)])] : [];
  return summary ? [summary, ...mark] : mark;
}

/** Whether a node contains text, or an image or embedded element, which is converted to text. */
function hasText(start: HtmlChild): boolean {
  const pending: HtmlChild[] = [start];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (node.type === "text" && node.value.trim() !== "") return true;
    if (node.type !== "element") continue;
    if (node.tagName === "img" || node.tagName.endsWith("-component")) return true;
    for (const child of node.children) pending.push(child);
  }
  return false;
}

/** The colours in an element; undefined when its text cannot be seen. */
function getColors({ properties }: HtmlElement, outer: Colors): Colors | undefined {
  if (!["style", "color", "bgColor"].some((name) => properties[name] !== undefined)) return outer;
  const style = parseStyle(properties);
  const textColor = parseRgb(
    style.get("-webkit-text-fill-color") ?? style.get("color") ?? String(properties["color"] ?? ""),
  );
  const backgroundColor =
    parseRgb(style.get("background-color") ?? String(properties["bgColor"] ?? "")) ??
    style
      .get("background")
      ?.split(/\s+(?![^(]*\))/)
      .map(parseRgb)
      .find((color) => color !== undefined);
  if (textColor === undefined && backgroundColor === undefined) return outer;
  const background = backgroundColor ? blendColors(backgroundColor, outer.background) : outer.background;
  const text = textColor ?? outer.text;
  return hasHiddenContrast(text, background) ? undefined : { text, background };
}

function parseStyle({ style }: HtmlElement["properties"]) {
  return typeof style === "string" ? parseDeclarations(style) : NO_DECLARATIONS;
}

function isHiddenElement({ tagName, properties }: HtmlElement): boolean {
  const classes = Array.isArray(properties["className"]) ? properties["className"] : [];
  return (
    isAttributeSet(properties["hidden"]) ||
    isAttributeSet(properties["popover"]) ||
    (tagName === "dialog" && !isAttributeSet(properties["open"])) ||
    FALLBACK_TAGS.has(tagName) ||
    classes.some((name) => HIDING_CLASSES.has(String(name))) ||
    (properties["style"] !== undefined && isHidingStyle(parseStyle(properties)))
  );
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

export function mayHideText(html: string): boolean {
  return MAY_HIDE.test(html);
}

/**
 * Parses declarations; more than 2,000 characters, which no editor writes, count as hiding. Comments are removed and
 * escapes decoded first, because `d\69splay` is `display` too.
 */
function parseDeclarations(css: string): CssDeclarations {
  if (css.length > MAX_DECLARATIONS_LENGTH) return new Map([["display", "none"]]);
  const text = css
    .replaceAll(/\/\*(?:[^*]|\*(?!\/))*(?:\*\/|$)/g, " ")
    .replaceAll(/\\(?:([0-9a-f]{1,6})\s?|([^0-9a-f]))/gi, (_, code?: string, character?: string) =>
      code === undefined ? (character ?? "") : decodeCodePoint(Number.parseInt(code, 16)),
    )
    .toLowerCase();
  const pairs = text.split(";").flatMap((declaration) => {
    const [property = "", ...values] = declaration.split(":");
    const value = values.join(":").replace(/!\s*important\s*$/, "");
    return values.length > 0 ? [[property.trim(), value.trim()] as const] : [];
  });
  return new Map(pairs);
}

function decodeCodePoint(code: number): string {
  return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : "";
}

/** Whether an element with these declarations shows no readable text, whatever its colours are. */
function isHidingStyle(style: CssDeclarations): boolean {
  const get = (property: string) => style.get(property) ?? "";
  return (
    get("display") === "none" ||
    /^(?:hidden|collapse)$/.test(get("visibility")) ||
    get("content-visibility") === "hidden" ||
    isTransparent(get("opacity")) ||
    /opacity\(\s*0*\.?0*%?\s*\)/.test(get("filter")) ||
    isTinyFont(style) ||
    isMovedAway(style) ||
    isClipped(style) ||
    /scale[xy]?\(\s*0*\.?0*\s*[,)]/.test(get("transform")) ||
    /^0*\.?0*%?(?:\s|$)/.test(style.get("scale") ?? "1")
  );
}

function isTransparent(opacity: string): boolean {
  const value = Number.parseFloat(opacity);
  return (opacity.endsWith("%") ? value / 100 : value) < MIN_OPACITY;
}

function isTinyFont(style: CssDeclarations): boolean {
  const sizes = [style.get("font-size") ?? "", ...(style.get("font") ?? "").split(/[\s/]+/).slice(0, 6)];
  return sizes.some((size, i) => {
    // A number without a unit in `font` is a weight, except for zero.
    if (i > 0 && /^[1-9]\d*$/.test(size)) return false;
    const pixels = parsePixels(size);
    return pixels !== undefined && Math.abs(pixels) < MIN_FONT_PX;
  });
}

/** Parses a length as pixels; undefined when it is none. */
function parsePixels(text: string): number | undefined {
  const [, value = "", unit = ""] = /^([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)([a-z]*|%)$/.exec(text) ?? [];
  const factor = PIXELS[unit];
  return value === "" || factor === undefined ? undefined : Number(value) * factor;
}

function isMovedAway(style: CssDeclarations): boolean {
  return MOVING_PROPERTIES.some((property) =>
    (style.get(property) ?? "").split(/[\s(),]+/).some((part) => {
      const pixels = parsePixels(part) ?? 0;
      // A translation by -100% of the element's own size or more is an offset too; turns have other units.
      return pixels <= -MAX_OFFSET_PX || pixels >= MAX_FAR_OFFSET_PX || /^-(?:[1-9]\d{2,})%$/.test(part);
    }),
  );
}

function isClipped(style: CssDeclarations): boolean {
  const clip = `${style.get("clip") ?? ""} ${style.get("clip-path") ?? ""}`;
  if (/circle\(\s*0|inset\(\s*(?:[5-9]\d|\d{3,})%/.test(clip)) return true;
  const [, rectangle] = /rect\(([^()]*)\)/.exec(clip) ?? [];
  if (rectangle?.split(/[\s,]+/).every((part) => Math.abs(parsePixels(part) ?? 99) <= 1)) return true;
  const cuts = /hidden|clip/.test(["overflow", "overflow-x", "overflow-y"].map((name) => style.get(name) ?? "").join());
  const sizes = ["width", "height", "max-width", "max-height", "line-height"];
  return cuts && sizes.some((name) => (parsePixels(style.get(name) ?? "") ?? 99) <= 1);
}

/**
 * Reads the style sheets in a text, and returns whether one of their rules may hide an element. Of a selector only the
 * tag, id and classes at its end count, so that a rule hides at least the elements it hides in a browser.
 */
function readHidingSelectors(root: HtmlRoot): (element: HtmlElement) => boolean {
  const selectors = new Set(collectStyleSheets(root).flatMap(parseHidingRules));
  return ({ tagName, properties }) => {
    if (selectors.size === 0) return false;
    const { id, className } = properties;
    const classes = Array.isArray(className) ? className : [];
    const names = ["*", tagName, `#${String(id)}`, ...classes.map((name) => `.${name}`)];
    return names.some((name) => selectors.has(name.toLowerCase()));
  };
}

function collectStyleSheets(root: HtmlRoot): string[] {
  const sheets: string[] = [];
  const pending: (HtmlRoot | HtmlRoot["children"][number])[] = [root];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (!("children" in node)) continue;
    if (node.type === "element" && node.tagName === "style")
      sheets.push(node.children.map((child) => (child.type === "text" ? child.value : "")).join(""));
    for (const child of node.children) pending.push(child);
  }
  return sheets;
}

/** Returns the ends of the selectors of all rules that hide elements. */
function parseHidingRules(sheet: string): string[] {
  return sheet.split("}").flatMap((rule) => {
    const parts = rule.split("{");
    const declarations = parseDeclarations(parts.pop() ?? "");
    if (parts.length === 0 || !isHidingStyle(declarations)) return [];
    return (parts.pop() ?? "").split(",").flatMap((selector) => {
      const end =
        selector
          .trim()
          .split(/[\s>+~]+/)
          .at(-1) ?? "";
      return end.includes("*") ? ["*"] : (end.replace(/:.*$/, "").toLowerCase().match(SIMPLE_SELECTOR) ?? []);
    });
  });
}

/** Parses a colour of CSS; undefined when it is none, or one whose value depends on the theme, as `var(…)` does. */
function parseRgb(text: string): Rgb | undefined {
  return toRgb(parse(text.trim().toLowerCase()));
}

/** Lays a colour over an opaque background. */
function blendColors(color: Rgb, background: Rgb): Rgb {
  return blend([background, color], "normal", "rgb") as Rgb;
}

/** Whether text of this colour cannot be seen on an opaque background. */
function hasHiddenContrast(color: Rgb, background: Rgb): boolean {
  return wcagContrast(blendColors(color, background), background) < MIN_READABLE_CONTRAST;
}
