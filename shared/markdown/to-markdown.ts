/** HTML of Plane as Markdown for agents: its own elements (mentions, embeds, tasks) become plain ones first. */

import { HIDDEN_TEXT_MARK, mayHideText, removeHiddenNodes } from "./hidden-text.ts";
import { countElements, isTooLargeForTree, limitHtml } from "./limits.ts";
import { FORMATTING_LEFT_OUT, readHtmlLines, readTreeLines, writePlainLines } from "./plain-text.ts";
import { convertInTurn, MAX_PART_COST, type Pause, splitBlocks, toCost } from "./split-text.ts";
import { SANITIZE_SCHEMA, toImageElements, toLinkElements, toSafeLink } from "./to-html.ts";
import {
  createHtmlElement,
  createHtmlText,
  createInlineCode,
  createTableConverter,
  flattenToLine,
  getCellWidth,
  type HtmlChild,
  type HtmlElement,
  type HtmlRoot,
  hasBlock,
  mergeInlineCode,
  transformTree,
} from "./tree.ts";

/** Finds the name for a mention by Plane's id; undefined when it is unknown. */
type FindMentionName = (id: string) => Promise<string | undefined>;

type Names = ReadonlyMap<string, string>;

/** The schema for reading also allows elements that separate blocks, and the checkboxes of task lists. */
const READ_SCHEMA = {
  ...SANITIZE_SCHEMA,
  tagNames: [
    ...(SANITIZE_SCHEMA.tagNames ?? []),
    ...["input", "div", "section", "article", "details", "summary", "dl", "dt", "dd"],
  ],
  attributes: {
    ...SANITIZE_SCHEMA.attributes,
    input: [["type", "checkbox"], "checked"] satisfies [[string, string], string],
  },
};

let loading: ReturnType<typeof loadProcessors> | undefined;

/** Texts for the embedded elements of Plane's editor that Markdown cannot express. */
const EMBED_TEXTS: Record<string, string> = {
  "image-component": "(image)",
  "attachment-component": "(attachment)",
  "issue-embed-component": "(embedded work item)",
  "page-embed-component": "(embedded page)",
};

/**
 * Equivalent elements that the converter to Markdown supports. It would take text directly inside the others for
 * markup.
 */
const TAG_ALIASES: Record<string, string> = {
  s: "del",
  strike: "del",
  b: "strong",
  i: "em",
  dl: "div",
  dt: "div",
  dd: "div",
  details: "div",
  summary: "div",
  section: "div",
  article: "div",
};

const EMPHASIS_TAGS = new Set(["strong", "em", "del"]);

/**
 * Converts any HTML from Plane to readable Markdown, without scripts, styles and text that people cannot see. Truncates
 * HTML of more than 100,000 characters. What has too many elements for a short conversion becomes plain text with a
 * note before it: the whole text, when it cannot be parsed as a tree, otherwise only the large blocks in it.
 */
export async function toMarkdown(html: string, findName?: FindMentionName): Promise<string> {
  const input = limitHtml(html);
  loading ??= loadProcessors();
  const processors = await loading;
  const names = await readMentionNames(input, findName);
  const markdown = await convertInTurn((pause) => convert(processors, input.toWellFormed(), names, pause));
  return input === html ? markdown : `${markdown}\n\n…`;
}

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
    parseHtml,
    toMdast: (tree: HtmlRoot) => converter.runSync(tree),
    write: (tree: ReturnType<typeof converter.runSync>): string => writer.stringify(tree),
  };
}

type Processors = Awaited<ReturnType<typeof loadProcessors>>;

/** The names of all mentioned people, by id. */
async function readMentionNames(html: string, findName: FindMentionName | undefined): Promise<Map<string, string>> {
  if (!findName) return new Map();
  const ids = [...html.matchAll(/entity_identifier="([^"<>]{1,100})"/g)].flatMap(([, id]) => id ?? []);
  const found = await Promise.all([...new Set(ids)].map(async (id) => [id, await findName(id)] as const));
  return new Map(found.flatMap(([id, name]) => (name === undefined ? [] : [[id, name] as const])));
}

async function convert(processors: Processors, html: string, names: Names, pause: Pause): Promise<string> {
  const cost = toCost(countElements(html), html.length);
  await pause(cost);
  if (isTooLargeForTree(html)) return convertToLines(html, names, pause);
  try {
    const tree = processors.parseHtml(html);
    await pause(cost);
    removeHiddenNodes(tree);
    await pause(cost);
    return await writeBlocks(processors, simplifyPlaneHtml(tree, names), pause);
  } catch (thrown) {
    // The recursive parser overflows the stack for very deep trees.
    if (!(thrown instanceof RangeError)) throw thrown;
    return convertToLines(html, names, pause);
  }
}

async function convertToLines(html: string, names: Names, pause: Pause): Promise<string> {
  // Without a tree nobody can tell what is hidden.
  const visible = mayHideText(html) ? HIDDEN_TEXT_MARK : html;
  await pause(toCost(0, visible.length));
  return joinParts([writePlainLines(readHtmlLines(visible, names))], true);
}

function joinParts(parts: readonly string[], isPlain: boolean): string {
  const text = parts
    .map((part) => part.trimEnd())
    .filter((part) => part !== "")
    .join("\n\n");
  return isPlain && text !== "" ? `${FORMATTING_LEFT_OUT}\n\n${text}` : text;
}

/** Writes a simplified tree in parts, with pauses between them. A block too large for a part loses its format. */
async function writeBlocks({ toMdast, write }: Processors, tree: HtmlRoot, pause: Pause): Promise<string> {
  const parts: string[] = [];
  let isPlain = false;
  for (const { nodes, cost } of splitBlocks(tree)) {
    await pause(cost);
    if (cost > MAX_PART_COST) {
      parts.push(writePlainLines(readTreeLines(nodes)));
      isPlain = true;
      continue;
    }
    const markdown = toMdast({ ...tree, children: nodes });
    await pause(cost);
    parts.push(write(markdown));
  }
  return joinParts(parts, isPlain);
}

/**
 * Reduces the HTML of Plane's editor to elements that Markdown can express: mentions become names (`names` by Plane's
 * id), task items get a checkbox, embedded elements become text.
 */
function simplifyPlaneHtml(root: HtmlRoot, names: ReadonlyMap<string, string>): HtmlRoot {
  const convertTable = createTableConverter();
  return transformTree(root, (node, ancestors) => {
    const { tagName, properties, children } = node;
    const embedText = EMBED_TEXTS[tagName];
    if (embedText !== undefined) return [createHtmlText(embedText)];
    switch (tagName) {
      case "mention-component":
        // Plane's mentions are empty; one that is never closed contains what follows it.
        return [createHtmlText(`@${getMentionName(properties, names)}`), ...children];
      case "img":
        return toImageElements(node, toSafeLink(properties["src"]), ancestors.includes("a"));
      case "a":
        return toBlockLink(toSafeLink(properties["href"]), children);
      case "li":
        return [properties["dataType"] === "taskItem" ? toTaskItem(node) : node];
      case "label":
        return children;
      case "table":
        return convertTable(node);
      case "code":
        return [ancestors.includes("pre") ? node : createInlineCode(properties, children)];
      case "th":
      case "td":
      case "h1":
      case "h2":
      case "h3":
      case "h4":
      case "h5":
      case "h6":
        return [createHtmlElement(tagName, properties, flattenToLine(children))];
      case "sup":
        return [createHtmlText("^"), ...children];
      case "input":
        return ancestors.includes("li") && properties["type"] === "checkbox" ? [node] : [];
      case "div":
        return [properties["dataType"] === "horizontalRule" ? createHtmlElement("hr", {}, []) : node];
      case "ul":
      case "ol":
        return [createHtmlElement(tagName, properties, wrapInItems(children))];
      case "p":
        return [createHtmlElement(hasBlock(children) ? "div" : "p", properties, children)];
      default:
        return toAliasedElement(TAG_ALIASES[tagName] ?? tagName);
    }

    function toAliasedElement(name: string): HtmlChild[] {
      // Markdown's emphasis cannot contain blocks or emphasis of the same kind.
      const isNested = ancestors.some((ancestor) => (TAG_ALIASES[ancestor] ?? ancestor) === name);
      if (EMPHASIS_TAGS.has(name) && (isNested || hasBlock(children))) return children;
      return [createHtmlElement(name, properties, children)];
    }
  });
}

function getMentionName(properties: HtmlElement["properties"], names: ReadonlyMap<string, string>): string {
  const { entity_identifier: id, label } = properties;
  const name = typeof id === "string" ? names.get(id) : undefined;
  return (
    name ?? [label, id].find((candidate) => typeof candidate === "string" && candidate !== "")?.toString() ?? "someone"
  );
}

/** A Markdown link cannot contain blocks, so for blocks the link follows after them. */
function toBlockLink(href: string | undefined, children: HtmlChild[]): HtmlChild[] {
  if (href === undefined || !hasBlock(children)) return toLinkElements(href, children);
  return [...children, createHtmlElement("p", {}, toLinkElements(href, [createHtmlText(href)]))];
}

/** The editor stores the state of a task item in an attribute of the item, not in its checkbox. */
function toTaskItem({ properties, children }: HtmlElement): HtmlChild {
  const checked = properties["dataChecked"] === "true" || properties["dataChecked"] === true;
  const rest = children.filter((child) => child.type !== "element" || child.tagName !== "input");
  return createHtmlElement("li", {}, [createHtmlElement("input", { type: "checkbox", checked }, []), ...rest]);
}

/** Wraps the content of a list that is outside its items in items. */
function wrapInItems(children: readonly HtmlChild[]): HtmlChild[] {
  const items: HtmlChild[] = [];
  let stray: HtmlChild[] = [];
  const flushStray = () => {
    if (stray.some((child) => child.type !== "text" || child.value.trim() !== ""))
      items.push(createHtmlElement("li", {}, stray));
    stray = [];
  };
  for (const child of children) {
    const isItem = child.type === "element" && child.tagName === "li";
    if (isItem) flushStray();
    (isItem ? items : stray).push(child);
  }
  flushStray();
  return items;
}
