import type {} from "remark-parse";
import type { Data, Processor } from "unified";

/** Limit of Markdown or HTML in UTF-16 units: 100,000, more than Plane's editor can handle well. */
export const MAX_MARKUP_LENGTH = 100_000;

/**
 * Limit of the elements of HTML: 5,000, for which the parser and each pass over its tree take up to 30 ms. A larger
 * text becomes plain text before it is parsed.
 */
const MAX_HTML_ELEMENTS = 5_000;

/**
 * Limit of the depth of HTML: 500 open elements, because the parser looks back over them at each tag, and parts of the
 * conversion are recursive. Texts by people have less than 20.
 */
const MAX_HTML_DEPTH = 500;

/** Returns the part of HTML that is read: 100,000 characters, without a tag that would be cut in the middle. */
export function limitHtml(html: string): string {
  if (html.length <= MAX_MARKUP_LENGTH) return html;
  const cut = html.slice(0, MAX_MARKUP_LENGTH);
  const start = cut.lastIndexOf("<");
  return start > cut.lastIndexOf(">") ? cut.slice(0, start) : cut;
}

/** The number of elements that HTML contains at most, without parsing it. */
export function countElements(html: string): number {
  return cutAfterLastTag(html).match(/<[a-z]/gi)?.length ?? 0;
}

/** Whether HTML is too large or too deep to parse as a tree, whatever its markup is. Takes one pass over the text. */
export function isTooLargeForTree(html: string): boolean {
  return countElements(html) > MAX_HTML_ELEMENTS || isTooDeep(html) || hasTooManyOpenFormats(html);
}

/** The elements whose end tags are optional or absent. They close each other, so they add no depth by themselves. */
const UNCLOSED_TAGS =
  /^(?:area|base|br|col|embed|hr|img|input|link|meta|source|track|wbr|p|li|d[dt]|option|t(?:r|d|h|head|body|foot))$/i;

function isTooDeep(html: string): boolean {
  let depth = 0;
  for (const [, slash, tag = ""] of cutAfterLastTag(html).matchAll(/<(\/?)([a-z][\w-]*)/gi)) {
    if (UNCLOSED_TAGS.test(tag)) continue;
    depth = slash === "" ? depth + 1 : Math.max(0, depth - 1);
    if (depth > MAX_HTML_DEPTH) return true;
  }
  return false;
}

/** No tag ends after the last `>`, and the search for each beginning there would run to the end of the text. */
function cutAfterLastTag(html: string): string {
  return html.slice(0, html.lastIndexOf(">") + 1);
}

/** Limit of Markdown in lines: 5,000, because each line can become an element. */
export const MAX_MARKDOWN_LINES = 5_000;

/** Limit of quotes and lists that begin on one line: 20. Further marks are text. */
const MAX_CONTAINER_MARKS = 20;

/** Limit of a line's indentation in columns: 80, because every two columns can continue one more list. */
const MAX_INDENT_COLUMNS = 80;

/** Limit of lines without a mark that continue the preceding quote or list: 500. */
const MAX_LAZY_LINES = 500;

/** Limit of the elements that unclosed formats may create: 50,000, which take 300 MB and two seconds. */
const MAX_REOPENED_ELEMENTS = 50_000;

/** The formatting elements of HTML, except links, of which at most one can be open. */
const FORMAT_TAG = /<(?:b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)(?=[\s/>])([^>]*)>/gi;

/** Attributes whose end is unambiguous. */
const PLAIN_ATTRIBUTES = /^(?:\s+[\w:-]+(?:=(?:"[^"<>]*"|'[^'<>]*'|[^\s"'<>=`]+))?)*\s*\/?$/;

/**
 * Whether parsing the HTML could create far more elements than it contains: the parser repeats an unclosed format in
 * each block, up to three times for identical ones.
 */
function hasTooManyOpenFormats(html: string): boolean {
  const tags = cutAfterLastTag(html);
  const occurrences = new Map<string, number>();
  let open = 0;
  for (const [format, attributes = ""] of tags.matchAll(FORMAT_TAG)) {
    const times = PLAIN_ATTRIBUTES.test(attributes) ? (occurrences.get(format) ?? 0) : 0;
    occurrences.set(format, times + 1);
    if (times < 3) open += 1;
  }
  return open * (tags.match(/<[a-z]/gi)?.length ?? 0) > MAX_REOPENED_ELEMENTS;
}

/** The mark of a quote or list item, with the spaces before it. */
const CONTAINER_MARK = /[ \t]*(?:>|[-*+](?=[ \t])|\d{1,9}[.)](?=[ \t]))/y;
const SPACES = /[ \t]*/y;

/**
 * Limits the nesting of quotes and lists, because the time of parsing grows with depth times lines. Does not change
 * Markdown within the limits, which normal texts never reach.
 */
export function limitNesting(lines: readonly string[]): string {
  let lazyLines = 0;
  const limitedLines = lines.map((line) => {
    const { marks, indent, rest } = splitMarks(line);
    lazyLines = marks > 0 || rest === "" ? 0 : lazyLines + 1;
    const separator = lazyLines > 0 && lazyLines % MAX_LAZY_LINES === 0 ? "\n" : "";
    if (marks > MAX_CONTAINER_MARKS) return `${separator}${indent} \\${rest}`;
    if (indent.length + 3 * (indent.split("\t").length - 1) <= MAX_INDENT_COLUMNS) return `${separator}${line}`;
    return `${separator}${indent.trimEnd().slice(0, MAX_INDENT_COLUMNS)}${" ".repeat(MAX_INDENT_COLUMNS / 2)}${rest}`;
  });
  return limitedLines.join("\n");
}

/** Splits a line into its leading marks and spaces and the rest. Counts at most one mark beyond the limit. */
function splitMarks(line: string): { marks: number; indent: string; rest: string } {
  let at = 0;
  for (let marks = 0; ; marks += 1) {
    CONTAINER_MARK.lastIndex = at;
    if (marks <= MAX_CONTAINER_MARKS && CONTAINER_MARK.test(line)) {
      if (marks === MAX_CONTAINER_MARKS)
        return { marks: marks + 1, indent: line.slice(0, at), rest: line.slice(at).trimStart() };
      at = CONTAINER_MARK.lastIndex;
      continue;
    }
    SPACES.lastIndex = at;
    SPACES.test(line);
    at = SPACES.lastIndex;
    return { marks, indent: line.slice(0, at), rest: line.slice(at) };
  }
}

/** Limit of the marks for emphasis, links and strikethrough in one paragraph: 1,000. Further marks are text. */
const MAX_INLINE_MARKS = 1_000;

/**
 * Raw HTML is parsed as text. Bare addresses become links later, in the tree, because the parser would look back to the
 * last bracket at each word.
 */
const DISABLED_CONSTRUCTS = ["htmlFlow", "htmlText", "emailAutolink", "wwwAutolink", "protocolAutolink"] as const;

/**
 * Plugin for the Markdown parser: parses raw HTML as text, and limits the marks in a paragraph, because the time of
 * matching them grows with the square of their number.
 */
export function restrictParser(this: Processor): void {
  const data = this.data();
  const counts = new WeakMap<object, number>();
  const countedMark: Construct = {
    tokenize(effects, ok, nok) {
      const count = (counts.get(this) ?? 0) + 1;
      counts.set(this, count);
      return (code) => {
        if (count <= MAX_INLINE_MARKS) return nok(code);
        effects.enter("data");
        effects.consume(code);
        effects.exit("data");
        return ok;
      };
    },
  };
  const marks = ["*", "_", "~", "[", "]", "!"].map((mark) => [mark.charCodeAt(0), countedMark] as const);
  data.micromarkExtensions ??= [];
  data.micromarkExtensions.push({ disable: { null: [...DISABLED_CONSTRUCTS] }, text: Object.fromEntries(marks) });
}

type Extension = NonNullable<Data["micromarkExtensions"]>[number];
type Constructs = NonNullable<Extension["text"]>[string];
type Construct = Exclude<Constructs, readonly unknown[] | undefined>;
