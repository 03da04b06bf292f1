const NAMED_ENTITIES: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: " " };

/**
 * Converts HTML from Plane to one line of plain text for a message, of at most `limit` characters. Removes tags,
 * scripts and styles, decodes entities and collapses whitespace. The result is text: escape it before using it as
 * markup.
 */
export function htmlToText(html: string, limit = 300): string {
  const text = html
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

/** Inline elements, which are removed without leaving a space. */
const INLINE = /<\/?(?:a|b|code|del|em|i|mark|s|span|strong|sub|sup|u)\b[^<>]*>/gi;

/** Does the same line by line, each of at most `limit` characters: paragraphs and other blocks are lines, without empty ones. */
export function htmlToLines(html: string, limit: number): string[] {
  const blocks = html.replace(INLINE, "").split(/<\/(?:p|h[1-6]|li|div|pre|blockquote|tr)>|<br\s*\/?>/i);
  return blocks.map((block) => htmlToText(block, limit)).filter((line) => line !== "");
}

function decodeEntity(name: string): string | undefined {
  if (!name.startsWith("#")) return NAMED_ENTITIES[name.toLowerCase()];
  const code = /^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number.parseInt(name.slice(1), 10);
  const isValid = Number.isInteger(code) && code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
  return isValid ? String.fromCodePoint(code) : undefined;
}
