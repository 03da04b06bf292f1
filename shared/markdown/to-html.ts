/** Markdown of agents as HTML for Plane: only safe elements, in the forms that Plane's editor knows. */

import type { Options } from "rehype-sanitize";
import { GroundcrewError } from "../errors.ts";
import { limitNesting, MAX_MARKDOWN_LINES, MAX_MARKUP_LENGTH, restrictParser } from "./limits.ts";
import { FORMATTING_LEFT_OUT } from "./plain-text.ts";
import { convertInTurn, MAX_MARKDOWN_COST, splitMarkdown } from "./split-text.ts";
import {
  type Budgets,
  createBudgets,
  createHtmlElement,
  createHtmlText,
  type HtmlChild,
  type HtmlElement,
  type HtmlRoot,
  limitTableCells,
  type MarkdownRoot,
  transformTree,
} from "./tree.ts";

interface Checkbox {
  checked: boolean;
  /** The item's content with `replacement` in place of the checkbox. */
  replaceBox: (replacement: HtmlChild[]) => HtmlChild[];
}

/**
 * The allowed kinds of links. Relative ones are not allowed, because their target depends on where the text is shown.
 */
const SAFE_LINK = /^(https?:\/\/|mailto:)[^\s]/i;

/** The allowed HTML: no images, no styles, no ids or names, nothing active. */
export const SANITIZE_SCHEMA: Options = {
  tagNames: [
    ...["p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "ul", "ol", "li", "hr", "br"],
    ...["strong", "em", "del", "code", "sup", "a"],
    ...["table", "thead", "tbody", "tr", "th", "td"],
  ],
  attributes: {
    a: ["href"],
    code: [["className", /^language-[\w+#.-]{1,30}$/]],
    ol: ["start"],
    // Plane's editor recognizes task lists by these attributes.
    ul: [["dataType", "taskList"]],
    li: [
      ["dataType", "taskItem"],
      ["dataChecked", "true", "false"],
    ],
    th: [["align", "left", "center", "right"]],
    td: [["align", "left", "center", "right"]],
  },
  protocols: { href: ["http", "https", "mailto"] },
  ancestors: { thead: ["table"], tbody: ["table"], tr: ["table"], th: ["table"], td: ["table"] },
  required: {},
  clobber: [],
  strip: [],
  allowComments: false,
  allowDoctypes: false,
};

let loading: ReturnType<typeof loadProcessor> | undefined;

/**
 * Converts GitHub-flavored Markdown to HTML that is safe to store in Plane, which does not sanitize it: only tags and
 * attributes of a short list, links only to http, https and mailto. Raw HTML in the Markdown is shown as text.
 * A part of which the markup would take too long to parse is shown as plain text, after a note at the beginning. Throws
 * `bad_request` for more than 100,000 characters or 5,000 lines.
 */
export async function toHtml(markdown: string): Promise<string> {
  if (markdown.length > MAX_MARKUP_LENGTH) throw createTooLongError(markdown.length, "characters", MAX_MARKUP_LENGTH);
  const lines = markdown.toWellFormed().split(/\r\n|\r|\n/);
  if (lines.length > MAX_MARKDOWN_LINES) throw createTooLongError(lines.length, "lines", MAX_MARKDOWN_LINES);
  loading ??= loadProcessor();
  const processor = (await loading)(createBudgets());
  const parts = splitMarkdown(limitNesting(lines).split("\n"));
  return convertInTurn(async (pause) => {
    const html: string[] = [];
    let isPlain = false;
    for (const { lines: partLines, cost } of parts) {
      await pause(Math.min(cost, MAX_MARKDOWN_COST));
      if (cost > MAX_MARKDOWN_COST) html.push(writePlainHtml(partLines));
      else html.push(String(processor.processSync(partLines.join("\n"))));
      isPlain ||= cost > MAX_MARKDOWN_COST;
    }
    const note = isPlain ? [`<p>${FORMATTING_LEFT_OUT}</p>`] : [];
    return [...note, ...html].filter((part) => part !== "").join("\n");
  });
}

function createTooLongError(length: number, units: string, max: number): GroundcrewError {
  const [actual, allowed] = [length, max].map((n) => n.toLocaleString("en"));
  return new GroundcrewError(
    "bad_request",
    `The text has ${actual} ${units}; the limit is ${allowed}. Shorten it, or upload it with upload_deliverable.`,
    { refusal: { name: "textTooLong" } },
  );
}

/**
 * Loaded at the first use, because most parts need no Markdown and an idle process should stay small. Returns what
 * creates the processor of one text, whose parts share its budgets.
 */
async function loadProcessor() {
  const [{ unified }, parse, gfm, rehype, sanitize, stringify] = await Promise.all([
    import("unified"),
    import("remark-parse"),
    import("remark-gfm"),
    import("remark-rehype"),
    import("rehype-sanitize"),
    import("rehype-stringify"),
  ]);
  return (budgets: Budgets) =>
    unified()
      .use(parse.default)
      .use(gfm.default)
      .use(restrictParser)
      .use(() => (tree: MarkdownRoot) => limitTableCells(tree, budgets))
      .use(rehype.default, { clobberPrefix: "" })
      .use(() => (tree: HtmlRoot) => adaptForPlane(tree, budgets))
      .use(sanitize.default, SANITIZE_SCHEMA)
      .use(stringify.default)
      .freeze();
}

/**
 * Adapts HTML from Markdown to Plane's editor: task lists in the editor's form, images as links (so that viewing loads
 * nothing from other servers), and only addresses of the allowed kinds.
 */
function adaptForPlane(root: HtmlRoot, budgets: Budgets): HtmlRoot {
  const takeAddress = (address: unknown) => {
    const href = toSafeLink(address);
    budgets.addressCharacters -= href?.length ?? 0;
    return budgets.addressCharacters < 0 ? undefined : href;
  };
  return transformTree(root, (node, ancestors) => {
    switch (node.tagName) {
      case "a":
        // Plane removes the ids to which a footnote's back link would lead.
        if (node.properties["dataFootnoteBackref"] !== undefined) return [];
        return toLinkElements(takeAddress(node.properties["href"]), node.children);
      case "img":
        return toImageElements(node, takeAddress(node.properties["src"]), ancestors.includes("a"));
      case "h2":
        return node.properties["id"] === "footnote-label" ? [] : [node];
      case "ul":
      case "ol":
        return [markTaskItems(node)];
      case "section":
        return node.children;
      default:
        return [node];
    }
  });
}

/** A list is a task list if every item has a checkbox. Checkboxes in other lists become text. */
function markTaskItems(list: HtmlElement): HtmlElement {
  const boxes = list.children.flatMap((child) => (child.type === "element" ? [findCheckbox(child)] : []));
  if (boxes.every((box) => box === undefined)) return list;
  const isTaskList = list.tagName === "ul" && boxes.every((box) => box !== undefined);
  const children = list.children.map((child) => {
    const box = child.type === "element" ? findCheckbox(child) : undefined;
    if (box === undefined) return child;
    const { checked, replaceBox } = box;
    if (!isTaskList) return createHtmlElement("li", {}, replaceBox([createHtmlText(checked ? "[x] " : "[ ] ")]));
    return createHtmlElement("li", { dataType: "taskItem", dataChecked: String(checked) }, replaceBox([]));
  });
  return createHtmlElement(list.tagName, isTaskList ? { dataType: "taskList" } : {}, children);
}

/** The checkbox at the beginning of an item or of its first paragraph. */
function findCheckbox(item: HtmlElement): Checkbox | undefined {
  const at = item.children.findIndex((child) => child.type === "element");
  const head = item.children[at];
  if (head?.type !== "element") return undefined;
  const after = item.children.slice(at + 1);
  if (head.tagName === "input") {
    const checked = head.properties["checked"] === true;
    return { checked, replaceBox: (replacement) => [...replacement, ...trimFirstText(after)] };
  }
  const inner = head.tagName === "p" ? findCheckbox(head) : undefined;
  return (
    inner && {
      checked: inner.checked,
      replaceBox: (replacement) => [{ ...head, children: inner.replaceBox(replacement) }, ...after],
    }
  );
}

function trimFirstText([first, ...others]: HtmlChild[]): HtmlChild[] {
  if (first?.type !== "text") return first ? [first, ...others] : others;
  return [createHtmlText(first.value.replace(/^[ \t]+/, "")), ...others];
}

/** Writes text as paragraphs without any other markup, as the writer of HTML escapes it. */
function writePlainHtml(lines: readonly string[]): string {
  const paragraphs = lines.join("\n").split(/\n(?:[ \t]*\n)+/);
  return paragraphs
    .map((paragraph) => paragraph.trim().replaceAll("\0", "\ufffd"))
    .filter((paragraph) => paragraph !== "")
    .map((paragraph) => {
      const escaped = paragraph.replaceAll("&", "&#x26;").replaceAll("<", "&#x3C;");
      return `<p>${escaped.replaceAll("\n", "<br>\n")}</p>`;
    })
    .join("\n");
}

export function toLinkElements(href: string | undefined, children: HtmlChild[]): HtmlChild[] {
  return href === undefined ? children : [createHtmlElement("a", { href }, children)];
}

/** Replaces an image by a link to it; inside another link only by its alternative text. */
export function toImageElements(
  { properties: { alt } }: HtmlElement,
  href: string | undefined,
  inLink: boolean,
): HtmlChild[] {
  const label = typeof alt === "string" && alt.trim() !== "" ? alt : (href ?? "");
  return label === "" ? [] : toLinkElements(inLink ? undefined : href, [createHtmlText(label)]);
}

/** The address if it is allowed in a link, otherwise undefined. */
export function toSafeLink(href: unknown): string | undefined {
  return typeof href === "string" && SAFE_LINK.test(href) ? href : undefined;
}
