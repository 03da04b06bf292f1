/** Colours of code: lines as parts with a class each. Loaded with the first difference that is shown. */

import hljs from "highlight.js/lib/common";

/** A part of a line, with the classes of its colours. */
export type CodePart = readonly [text: string, classes: string];

/** Endings of files that are no names of their languages. */
const ENDINGS: Record<string, string> = { jsonc: "json", vue: "xml" };

const ENTITIES: Record<string, string> = { "&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#x27;": "'" };

/** Colours the lines of a file; undefined for a language that is not known. */
export function highlightLines(path: string, lines: readonly string[]): CodePart[][] | undefined {
  const ending = path.slice(path.lastIndexOf(".") + 1).toLowerCase();
  const language = ENDINGS[ending] ?? ending;
  if (!hljs.getLanguage(language)) return undefined;
  return readParts(hljs.highlight(lines.join("\n"), { language, ignoreIllegals: true }).value);
}

/** Reads what the highlighter writes, which is nothing but spans with classes and text, so that no text becomes markup. */
function readParts(html: string): CodePart[][] {
  const lines: CodePart[][] = [[]];
  const classes: string[] = [];
  for (const [token, opened] of html.matchAll(/<span class="([^"]*)">|<\/span>|[^<]+/g)) {
    if (opened !== undefined) classes.push(opened);
    else if (token === "</span>") classes.pop();
    else
      for (const [i, text] of token.split("\n").entries()) {
        if (i > 0) lines.push([]);
        const decoded = text.replaceAll(/&(?:amp|lt|gt|quot|#x27);/g, (entity) => ENTITIES[entity] ?? entity);
        if (decoded !== "") lines.at(-1)?.push([decoded, classes.at(-1) ?? ""]);
      }
  }
  return lines;
}
