import { fromParse5 } from "hast-util-from-parse5";
import { parseFragment } from "parse5";
import type { HtmlRoot } from "./tree.ts";

/** Parses HTML as a browser does. Positions and the parser's complaints are left out, because nothing reads them. */
export function parseHtml(html: string): HtmlRoot {
  const fragment = parseFragment(html, { scriptingEnabled: false });
  return fromParse5(fragment) as HtmlRoot;
}
