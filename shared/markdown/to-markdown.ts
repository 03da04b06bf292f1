import { plainText } from "../observe/plain-text.ts";
import { isTangled, LONGEST } from "./bounds.ts";
import { joined } from "./one-line.ts";
import { plain } from "./plane-elements.ts";
import { SCHEMA } from "./schema.ts";
import { widthOf } from "./tables.ts";
import type { Root } from "./tree.ts";

/** Who a mention is of, by Plane's id; undefined when that is not known. */
export type NameOf = (id: string) => Promise<string | undefined>;

/**
 * HTML from Plane, whatever it holds, as Markdown to be read: mentions, task lists and tables as text, scripts and
 * styles left out. Of more than 100,000 characters the rest is left off. What cannot be read as a tree (thousands of
 * elements inside each other, or left open) comes back as its text alone.
 */
export async function toMarkdown(html: string, nameOf?: NameOf): Promise<string> {
  const taken = html.length > LONGEST ? html.slice(0, LONGEST) : html;
  loading ??= load();
  const { read, write, asText } = await loading;
  const names = await mentioned(taken, nameOf);
  const markdown = written();
  return taken === html ? markdown : `${markdown}\n\n…`;

  function written(): string {
    if (isTangled(taken)) return text();
    try {
      return write(read(taken.toWellFormed(), names)).trimEnd();
    } catch (thrown) {
      // The parser goes down the tree by recursion.
      if (!(thrown instanceof RangeError)) throw thrown;
      return text();
    }
  }

  function text(): string {
    return asText(plainText(taken, LONGEST)).trimEnd();
  }
}

/** The names of everybody mentioned. */
async function mentioned(html: string, nameOf: NameOf | undefined): Promise<Map<string, string>> {
  if (!nameOf) return new Map();
  const ids = [...html.matchAll(/entity_identifier="([^"<>]{1,100})"/g)].flatMap(([, id]) => id ?? []);
  const found = await Promise.all([...new Set(ids)].map(async (id) => [id, await nameOf(id)] as const));
  return new Map(found.flatMap(([id, name]) => (name === undefined ? [] : [[id, name] as const])));
}

let loading: ReturnType<typeof load> | undefined;

async function load() {
  const [{ unified }, parse, sanitize, remark, gfm, stringify] = await Promise.all([
    import("unified"),
    import("rehype-parse"),
    import("rehype-sanitize"),
    import("rehype-remark"),
    import("remark-gfm"),
    import("remark-stringify"),
  ]);
  const parser = unified().use(parse.default, { fragment: true }).freeze();
  const remade = unified()
    .use(sanitize.default, READ)
    .use(remark.default)
    .use(() => joined)
    .freeze();
  const writer = unified()
    .use(gfm.default, { stringLength: widthOf })
    .use(stringify.default, { bullet: "-", rule: "-", listItemIndent: "one" })
    .freeze();
  return {
    read: (html: string, names: ReadonlyMap<string, string>): Root => plain(parser.parse(html), names),
    write: (tree: Root): string => writer.stringify(remade.runSync(tree)),
    asText: (value: string): string =>
      writer.stringify({ type: "root", children: [{ type: "paragraph", children: [{ type: "text", value }] }] }),
  };
}

/** For reading: what sets texts apart, and boxes of task lists as the writer of Markdown knows them. */
const READ = {
  ...SCHEMA,
  tagNames: [...(SCHEMA.tagNames ?? []), "input", "div", "section", "article", "details", "summary", "dl", "dt", "dd"],
  attributes: {
    ...SCHEMA.attributes,
    input: [["type", "checkbox"], "checked"] satisfies [[string, string], string],
  },
};
