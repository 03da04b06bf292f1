import { HIDDEN_TEXT_MARK, mayHideText, removeHiddenNodes } from "./hidden-text.ts";
import { htmlToText } from "./html-to-text.ts";
import { hasTooManyOpenFormats, MAX_MARKUP_LENGTH } from "./limits.ts";
import { mergeInlineCode } from "./one-line.ts";
import { SANITIZE_SCHEMA } from "./sanitize-schema.ts";
import { simplifyPlaneHtml } from "./simplify-plane-html.ts";
import { getCellWidth } from "./tables.ts";
import type { HtmlRoot } from "./tree.ts";

/** Finds the name for a mention by Plane's id; undefined when it is unknown. */
export type FindMentionName = (id: string) => Promise<string | undefined>;

/**
 * Converts any HTML from Plane to readable Markdown, without scripts, styles and text that people cannot see. Truncates HTML of more than 100,000
 * characters. HTML that cannot be parsed as a tree (thousands of nested or unclosed elements) becomes plain text.
 */
export async function toMarkdown(html: string, findName?: FindMentionName): Promise<string> {
  const input = html.length > MAX_MARKUP_LENGTH ? html.slice(0, MAX_MARKUP_LENGTH) : html;
  loading ??= loadProcessors();
  const { read, write, asText } = await loading;
  const names = await readMentionNames(input, findName);
  const markdown = render();
  return input === html ? markdown : `${markdown}\n\n…`;

  function render(): string {
    if (hasTooManyOpenFormats(input)) return renderTextOnly();
    try {
      return write(read(input.toWellFormed(), names)).trimEnd();
    } catch (thrown) {
      // The recursive parser overflows the stack for very deep trees.
      if (!(thrown instanceof RangeError)) throw thrown;
      return renderTextOnly();
    }
  }

  function renderTextOnly(): string {
    // Without the tree nothing tells hidden text from other text.
    return asText(mayHideText(input) ? HIDDEN_TEXT_MARK : htmlToText(input, MAX_MARKUP_LENGTH)).trimEnd();
  }
}

/** The names of all mentioned people, by id. */
async function readMentionNames(html: string, findName: FindMentionName | undefined): Promise<Map<string, string>> {
  if (!findName) return new Map();
  const ids = [...html.matchAll(/entity_identifier="([^"<>]{1,100})"/g)].flatMap(([, id]) => id ?? []);
  const found = await Promise.all([...new Set(ids)].map(async (id) => [id, await findName(id)] as const));
  return new Map(found.flatMap(([id, name]) => (name === undefined ? [] : [[id, name] as const])));
}

let loading: ReturnType<typeof loadProcessors> | undefined;

async function loadProcessors() {
  const [{ unified }, { parseHtml }, sanitize, remark, gfm, stringify] = await Promise.all([
    import("unified"),
    import("./parse-html.ts"),
    import("rehype-sanitize"),
    import("rehype-remark"),
    import("remark-gfm"),
    import("remark-stringify"),
  ]);
  const converter = unified()
    .use(sanitize.default, READ_SCHEMA)
    .use(remark.default)
    .use(() => mergeInlineCode)
    .freeze();
  const writer = unified()
    .use(gfm.default, { stringLength: getCellWidth })
    .use(stringify.default, { bullet: "-", rule: "-", listItemIndent: "one" })
    .freeze();
  return {
    read: (html: string, names: ReadonlyMap<string, string>): HtmlRoot =>
      simplifyPlaneHtml(removeHiddenNodes(parseHtml(html)), names),
    write: (tree: HtmlRoot): string => writer.stringify(converter.runSync(tree)),
    asText: (value: string): string =>
      writer.stringify({ type: "root", children: [{ type: "paragraph", children: [{ type: "text", value }] }] }),
  };
}

/** The schema for reading also allows elements that separate blocks, and the checkboxes of task lists. */
const READ_SCHEMA = {
  ...SANITIZE_SCHEMA,
  tagNames: [
    ...(SANITIZE_SCHEMA.tagNames ?? []),
    "input",
    "div",
    "section",
    "article",
    "details",
    "summary",
    "dl",
    "dt",
    "dd",
  ],
  attributes: {
    ...SANITIZE_SCHEMA.attributes,
    input: [["type", "checkbox"], "checked"] satisfies [[string, string], string],
  },
};
