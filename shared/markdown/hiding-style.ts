/**
 * Which styles hide text: the declarations of an element and of style sheets that make its text invisible to people,
 * such as no size, no opacity, or the colour of the background. Hidden text is removed before an agent sees a task.
 */

import type { Rgb } from "culori";
import { blend, converter, modeHsl, modeHwb, modeLrgb, modeRgb, parse, useMode, wcagContrast } from "culori/fn";
import type { HtmlElement, HtmlRoot } from "./tree.ts";

/** The declarations of a style attribute or a rule of a style sheet: values by property, in lower case. */
type CssDeclarations = ReadonlyMap<string, string>;

export type CssColor = Rgb;

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

/**
 * Parses declarations; more than 2,000 characters, which no editor writes, count as hiding. Comments are removed and
 * escapes decoded first, because `d\69splay` is `display` too.
 */
export function parseDeclarations(css: string): CssDeclarations {
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
export function isHidingStyle(style: CssDeclarations): boolean {
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
export function readHidingSelectors(root: HtmlRoot): (element: HtmlElement) => boolean {
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
export function parseCssColor(text: string): CssColor | undefined {
  return toRgb(parse(text.trim().toLowerCase()));
}

/** Lays a colour over an opaque background. */
export function blendColors(color: CssColor, background: CssColor): CssColor {
  return blend([background, color], "normal", "rgb") as CssColor;
}

/** Whether text of this colour cannot be seen on an opaque background. */
export function hasHiddenContrast(color: CssColor, background: CssColor): boolean {
  return wcagContrast(blendColors(color, background), background) < MIN_READABLE_CONTRAST;
}
