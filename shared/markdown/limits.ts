import type {} from "remark-parse";
import type { Data, Processor } from "unified";

/** The longest Markdown or HTML that is read, in UTF-16 units: more than Plane's editor is comfortable with. */
export const MAX_MARKUP_LENGTH = 100_000;

/** So many lines of Markdown are read: each can be an element of its own. */
export const MAX_MARKDOWN_LINES = 5_000;

/** So many quotes and lists begin on one line; what would begin one more is text. */
const MAX_CONTAINER_MARKS = 20;

/** A line is indented by at most so many columns: each two can continue one more list. */
const MAX_INDENT_COLUMNS = 80;

/** So many lines without a mark of their own go on with the quote or list before them. */
const MAX_LAZY_LINES = 500;

/** So many elements may come of formats that were left open: they take 300 MB and two seconds. */
const MAX_REOPENED_ELEMENTS = 50_000;

/** What HTML calls formatting elements, links aside: of those one at most is open. */
const FORMAT_TAG = /<(?:b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)(?=[\s/>])([^>]*)>/gi;

/** Attributes of which it is plain where they end. */
const PLAIN_ATTRIBUTES = /^(?:\s+[\w:-]+(?:=(?:"[^"<>]*"|'[^'<>]*'|[^\s"'<>=`]+))?)*\s*\/?$/;

/**
 * Whether reading the HTML could make far more elements than were written: a format that is left open begins again
 * in each block, three times at most for the same one.
 */
export function hasTooManyOpenFormats(html: string): boolean {
  // Behind the last `>` no tag ends, and each that begins there would be looked for to the end.
  const tags = html.slice(0, html.lastIndexOf(">") + 1);
  const occurrences = new Map<string, number>();
  let open = 0;
  for (const [format, attributes = ""] of tags.matchAll(FORMAT_TAG)) {
    const times = PLAIN_ATTRIBUTES.test(attributes) ? (occurrences.get(format) ?? 0) : 0;
    occurrences.set(format, times + 1);
    if (times < 3) open += 1;
  }
  return open * (tags.match(/<[a-z]/gi)?.length ?? 0) > MAX_REOPENED_ELEMENTS;
}

/** One container's mark with the blanks before it. */
const CONTAINER_MARK = /[ \t]*(?:>|[-*+](?=[ \t])|\d{1,9}[.)](?=[ \t]))/y;
const BLANKS = /[ \t]*/y;

/**
 * The Markdown, line by line, with quotes and lists only so deep: reading takes time that grows with depth times
 * lines. Within the bounds (which nobody who writes for readers meets) nothing is changed.
 */
export function limitNesting(lines: readonly string[]): string {
  let lazyLines = 0;
  const bounded = lines.map((line) => {
    const { marks, indent, rest } = splitMarks(line);
    lazyLines = marks > 0 || rest === "" ? 0 : lazyLines + 1;
    const separator = lazyLines > 0 && lazyLines % MAX_LAZY_LINES === 0 ? "\n" : "";
    if (marks > MAX_CONTAINER_MARKS) return `${separator}${indent} \\${rest}`;
    if (countColumns(indent) <= MAX_INDENT_COLUMNS) return `${separator}${line}`;
    return `${separator}${indent.trimEnd().slice(0, MAX_INDENT_COLUMNS)}${" ".repeat(MAX_INDENT_COLUMNS / 2)}${rest}`;
  });
  return bounded.join("\n");
}

/** What a line begins with (marks and blanks) and the rest; of more marks than are read, one is counted. */
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
    BLANKS.lastIndex = at;
    BLANKS.test(line);
    at = BLANKS.lastIndex;
    return { marks, indent: line.slice(0, at), rest: line.slice(at) };
  }
}

function countColumns(indent: string): number {
  return indent.length + 3 * (indent.split("\t").length - 1);
}

/** So many marks of emphasis, links and strikes are read in one paragraph; more are text. */
const MAX_INLINE_MARKS = 1_000;

/**
 * HTML is text. Addresses that stand in the text become links in the tree: reading them here looks back, at each
 * word, as far as the last bracket.
 */
const DISABLED_CONSTRUCTS = ["htmlFlow", "htmlText", "emailAutolink", "wwwAutolink", "protocolAutolink"] as const;

/**
 * For the Markdown parser: raw HTML is text like any other, and a paragraph's marks are counted, because matching
 * them takes time that grows with the square of their number.
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
