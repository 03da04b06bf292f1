import { HIDDEN_TEXT_MARK, mayHideText, removeHiddenNodes } from "./hidden-text.ts";
import { hasTooManyOpenFormats } from "./limits.ts";

/**
 * Returns HTML from Plane with a mark in place of each text that people cannot see. HTML that could hide text and cannot
 * be parsed as a tree (thousands of nested or unclosed elements) becomes the mark alone.
 */
export async function removeHiddenText(html: string): Promise<string> {
  if (!mayHideText(html)) return html;
  const mark = `<p>${HIDDEN_TEXT_MARK}</p>`;
  if (hasTooManyOpenFormats(html)) return mark;
  loading ??= loadFilter();
  const removeHidden = await loading;
  try {
    return removeHidden(html);
  } catch (thrown) {
    // The recursive parser overflows the stack for very deep trees.
    if (!(thrown instanceof RangeError)) throw thrown;
    return mark;
  }
}

let loading: ReturnType<typeof loadFilter> | undefined;

async function loadFilter() {
  const [{ unified }, { parseHtml }, stringify] = await Promise.all([
    import("unified"),
    import("./parse-html.ts"),
    import("rehype-stringify"),
  ]);
  const writer = unified().use(stringify.default).freeze();
  return (html: string): string => writer.stringify(removeHiddenNodes(parseHtml(html)));
}
