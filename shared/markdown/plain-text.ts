/** HTML and plain text: escaping, and the text of a piece of HTML without a parser. */

import { limitHtml, MAX_MARKUP_LENGTH } from "./limits.ts";
import { BLOCK_TAGS, type HtmlChild } from "./tree.ts";

/** One line of plain text; a list item keeps its dash: criteria and dependencies are written as list items. */
interface PlainLine {
  text: string;
  isItem: boolean;
}

const NAMED_ENTITIES: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: " " };

/** Inline elements, which are removed without leaving a space. */
const INLINE = /<\/?(?:a|b|code|del|em|i|mark|s|span|strong|sub|sup|u)\b[^<>]*>/gi;

/** Stands before a text whose formatting was too large to convert. */
export const FORMATTING_LEFT_OUT = "(formatting left out: the text has too many elements)";

/** Tags of HTML that begin or end a line. */
const LINE_BREAK =
  /<(\/?)(br|p|h[1-6]|blockquote|pre|ul|ol|li|hr|div|section|article|details|summary|d[ltd]|table|t(?:head|body|foot|r)|caption)\b[^<>]*>/gi;

const MENTION = /<mention-component\b([^<>]*)>/gi;

/**
 * Escapes text for use in HTML, including attribute values. NUL and lone surrogates become U+FFFD, as HTML says,
 * because Plane refuses a text that has one.
 */
export function escapeHtml(text: string): string {
  const valid = text.toWellFormed().replaceAll("\0", "\ufffd");
  return valid.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** Wraps HTML in a link to a path of the page; without the page's address it stays as it is. */
export function linkToPage(publicUrl: string | undefined, path: string, html: string): string {
  return publicUrl === undefined ? html : `<a href="${escapeHtml(new URL(path, publicUrl).href)}">${html}</a>`;
}

/**
 * Converts HTML from Plane to one line of plain text for a message, of at most `limit` characters. Removes tags,
 * scripts and styles, decodes entities and collapses whitespace. Reads at most 100,000 characters of the HTML. The
 * result is text: escape it before using it as markup.
 */
export function htmlToText(html: string, limit = 300): string {
  const text = limitHtml(html)
    // A tag ends at the next `<` at the latest. Otherwise the time for many unclosed tags would grow with their square.
    .replace(/<(script|style)\b[^<>]*>[\s\S]*?(<\/\1\s*>|$)/gi, " ")
    // These separate no words: `<b>done</b>.` reads "done."
    .replace(/<\/?(?:a|b|code|del|em|i|s|strong|u)(?:\s[^<>]*)?>/gi, "")
    .replace(/<[^<>]*>/g, " ")
    .replace(/&(#x?[0-9a-f]+|[a-z]+);/gi, (match, name: string) => decodeEntity(name) ?? match)
    .replace(/\s+/g, " ")
    .trim();
  const characters = Array.from(text.slice(0, 2 * limit + 1));
  return characters.length <= limit ? text : `${characters.slice(0, limit - 1).join("")}…`;
}

function decodeEntity(name: string): string | undefined {
  if (!name.startsWith("#")) return NAMED_ENTITIES[name.toLowerCase()];
  const code = /^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number.parseInt(name.slice(1), 10);
  const isValid = Number.isInteger(code) && code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
  return isValid ? String.fromCodePoint(code) : undefined;
}

/**
 * Removes the marks of Markdown from an agent's text, so that a message shows words: emphasis, code, headings, links
 * and quotes. Lines and list items stay; what is no mark, such as the `_` in a file's name, stays as well. No words are
 * lost, because people judge what they read: only a language is, which names the code below it.
 */
export function stripMarkdown(text: string): string {
  return text
    .replace(/^[ \t]*(?:```|~~~)[ \t]*[\w+#.-]{0,20}[ \t]*$/gm, "")
    .replace(/^[ \t]{0,3}(?:#{1,6}[ \t]+|>[ \t]?)/gm, "")
    .replace(/^([ \t]*)[*+-][ \t]+/gm, "$1• ")
    .replace(/!?\[([^[\]\n]{1,300})\]\(([^()\s]{1,2000})\)/g, (_, label: string, url: string) =>
      label === url ? url : `${label} (${url})`,
    )
    .replace(/(\*\*|__|~~)(?=\S)([^\n]{1,2000}?)(?<=\S)\1/g, "$2")
    .replace(/(?<![\p{L}\p{N}*])\*(?=[^\s*])([^*\n]{1,1000}?)(?<=\S)\*(?![\p{L}\p{N}*])/gu, "$1")
    .replace(/(?<![\p{L}\p{N}_])_(?=[^\s_])([^_\n]{1,1000}?)(?<=\S)_(?![\p{L}\p{N}_])/gu, "$1")
    .replace(/`+([^`\n]{1,1000})`+/g, "$1")
    .replace(/\\([\\`*_[\]<>~|#])/g, "$1")
    .trim();
}

/** Converts HTML as `htmlToText` does, each block to a line of at most `limit` characters; without empty ones. */
export function htmlToLines(html: string, limit: number): string[] {
  const blocks = html.replace(INLINE, "").split(/<\/(?:p|h[1-6]|li|div|pre|blockquote|tr)>|<br\s*\/?>/i);
  return blocks.map((block) => htmlToText(block, limit)).filter((line) => line !== "");
}

/** The lines of HTML that is too large to parse as a tree. Cells of a table row share a line. */
export function readHtmlLines(html: string, names: ReadonlyMap<string, string>): PlainLine[] {
  const named = html.replace(MENTION, (_, attributes: string) => {
    const [, id = ""] = /entity_identifier="([^"<>]{1,100})"/.exec(attributes) ?? [];
    return `@${(names.get(id) ?? id).replace(/[&<>]/g, " ")}`;
  });
  const marked = named
    .replace(/[\0\r\n]/g, " ")
    .replace(LINE_BREAK, (_, slash: string, tag: string) =>
      slash === "" && tag.toLowerCase() === "li" ? "\n\0" : "\n",
    );
  return marked
    .split("\n")
    .flatMap((line) => toLine(htmlToText(line.replace("\0", ""), MAX_MARKUP_LENGTH), line.startsWith("\0")));
}

function toLine(text: string, isItem: boolean): PlainLine[] {
  return text === "" ? [] : [{ text, isItem }];
}

/** The lines of a part of a tree. Not recursive, because the part may be deep. */
export function readTreeLines(nodes: readonly HtmlChild[]): PlainLine[] {
  const lines: PlainLine[] = [];
  let text = "";
  let isItem = false;
  const endLine = () => {
    lines.push(...toLine(text.replace(/\s+/g, " ").trim(), isItem));
    if (text.trim() !== "") isItem = false;
    text = "";
  };
  const pending: (HtmlChild | "end")[] = nodes.toReversed();
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (node === "end") endLine();
    else if (node.type === "text") text += node.value;
    else if (node.type === "element") {
      const { tagName } = node;
      if (tagName === "input") text += node.properties["checked"] === true ? "[x] " : "[ ] ";
      const isCell = tagName === "td" || tagName === "th";
      if (isCell) text += " ";
      const breaks = !isCell && (tagName === "br" || BLOCK_TAGS.has(tagName));
      if (breaks) {
        endLine();
        if (tagName === "li") isItem = true;
        pending.push("end");
      }
      for (const child of node.children.toReversed()) pending.push(child);
    }
  }
  endLine();
  return lines;
}

/** Writes lines as Markdown that has no formatting but the list items. */
export function writePlainLines(lines: readonly PlainLine[]): string {
  return lines
    .map(({ text, isItem }, i) => {
      const separator = i === 0 ? "" : isItem && lines[i - 1]?.isItem ? "\n" : "\n\n";
      return `${separator}${isItem ? "- " : ""}${escapeMarkdown(text)}`;
    })
    .join("");
}

/** Escapes one line of text, so that Markdown shows it unchanged. */
function escapeMarkdown(line: string): string {
  return line
    .replace(/[\\`*_[\]<>~|&]/g, "\\$&")
    .replace(/^[#+=-]/, "\\$&")
    .replace(/^(\d{1,9})([.)])/, "$1\\$2");
}
