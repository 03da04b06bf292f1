/** A colour as red, green, blue (0 to 255) and alpha (0 to 1). */
export type CssColor = readonly [red: number, green: number, blue: number, alpha: number];

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
