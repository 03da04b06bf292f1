/**
 * Which styles hide text: the declarations of an element and of style sheets that make its text invisible to people,
 * such as no size, no opacity, or the colour of the background. Hidden text is removed before an agent sees a task.
 */

import type { HtmlElement, HtmlRoot } from "./tree.ts";

/** The declarations of a style attribute or a rule of a style sheet: values by property, in lower case. */
type CssDeclarations = ReadonlyMap<string, string>;

/** A colour as red, green, blue (0 to 255) and alpha (0 to 1). */
export type CssColor = readonly [red: number, green: number, blue: number, alpha: number];

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

export const WHITE: CssColor = [255, 255, 255, 1];

export const BLACK: CssColor = [0, 0, 0, 1];

/** Minimum of the contrast ratio (WCAG 2) of readable text on its background: 1.2. */
const MIN_READABLE_CONTRAST = 1.2;

/** The named colours of CSS that are black, transparent, or too light to read on white. */
const NAMED_COLORS: Record<string, string> = {
  transparent: "#0000",
  black: "#000",
  white: "#fff",
  snow: "#fffafa",
  ivory: "#fffff0",
  azure: "#f0ffff",
  mintcream: "#f5fffa",
  honeydew: "#f0fff0",
  aliceblue: "#f0f8ff",
  ghostwhite: "#f8f8ff",
  whitesmoke: "#f5f5f5",
  floralwhite: "#fffaf0",
  seashell: "#fff5ee",
  lavenderblush: "#fff0f5",
  oldlace: "#fdf5e6",
  linen: "#faf0e6",
  lightyellow: "#ffffe0",
  lightcyan: "#e0ffff",
  cornsilk: "#fff8dc",
};

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
  const name = text.trim().toLowerCase();
  const [, hex] = /^#?([0-9a-f]{3,8})$/.exec(NAMED_COLORS[name] ?? name) ?? [];
  if (hex !== undefined) return parseHexColor(hex);
  const [, form = "", list = ""] = /^(rgb|hsl)a?\(([^()]*)\)$/.exec(name) ?? [];
  const parts = list.split(/[\s,/]+/).filter((part) => part !== "");
  if (form === "" || parts.length < 3) return undefined;
  const [first = "", second = "", third = "", fourth = "1"] = parts;
  const alpha = parseShare(fourth, 1);
  const channels =
    form === "rgb"
      ? [parseShare(first, 255), parseShare(second, 255), parseShare(third, 255)]
      : toRgb(Number.parseFloat(first), Number.parseFloat(second) / 100, Number.parseFloat(third) / 100);
  const [red = Number.NaN, green = Number.NaN, blue = Number.NaN] = channels;
  return [red, green, blue, alpha].some(Number.isNaN) ? undefined : [red, green, blue, alpha];
}

function parseHexColor(hex: string): CssColor | undefined {
  if (![3, 4, 6, 8].includes(hex.length)) return undefined;
  const digits = hex.length > 4 ? hex : hex.replaceAll(/./g, "$&$&");
  const [red = 0, green = 0, blue = 0, alpha = 255] = (digits.match(/../g) ?? []).map((pair) =>
    Number.parseInt(pair, 16),
  );
  return [red, green, blue, alpha / 255];
}

/** A number, or a percentage of `whole`. */
function parseShare(text: string, whole: number): number {
  const value = Number.parseFloat(text);
  return text.endsWith("%") ? (value / 100) * whole : value;
}

/** Converts hue (degrees), saturation and lightness (0 to 1); the formula is that of CSS Color 4. */
function toRgb(hue: number, saturation: number, lightness: number): number[] {
  const toChannel = (n: number) => {
    const k = (n + hue / 30) % 12;
    return lightness - saturation * Math.min(lightness, 1 - lightness) * Math.max(-1, Math.min(k - 3, 9 - k, 1));
  };
  return [toChannel(0), toChannel(8), toChannel(4)].map((channel) => channel * 255);
}

/** Lays a colour over an opaque background. */
export function blendColors([red, green, blue, alpha]: CssColor, background: CssColor): CssColor {
  const blend = (above: number, below: number) => above * alpha + below * (1 - alpha);
  return [blend(red, background[0]), blend(green, background[1]), blend(blue, background[2]), 1];
}

/** Whether text of this colour cannot be seen on an opaque background. */
export function hasHiddenContrast(color: CssColor, background: CssColor): boolean {
  const luminances = [getLuminance(blendColors(color, background)), getLuminance(background)];
  return (Math.max(...luminances) + 0.05) / (Math.min(...luminances) + 0.05) < MIN_READABLE_CONTRAST;
}

/** The relative luminance of WCAG 2, 0 to 1. */
function getLuminance([red, green, blue]: CssColor): number {
  const [r = 0, g = 0, b = 0] = [red, green, blue].map((channel) => {
    const share = channel / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
