const VOID = new Set(["br", "hr", "img", "input"]);

/**
 * Counts the top-level elements, and a text before the first one. This covers the descriptions that people and programs
 * write; it does not parse broken HTML.
 */
function countTopLevel(html: string): number {
  let depth = 0;
  let count = 0;
  let end = 0;
  for (const match of html.matchAll(/<(\/?)([a-zA-Z][\w-]*)[^>]*?(\/?)>/g)) {
    if (count === 0 && html.slice(end, match.index).trim() !== "") count += 1;
    const [tag, closing, name = "", selfClosing] = match;
    end = match.index + tag.length;
    if (closing) depth = Math.max(0, depth - 1);
    else {
      if (depth === 0) count += 1;
      if (!selfClosing && !VOID.has(name.toLowerCase())) depth += 1;
    }
  }
  return count;
}

/** Plane stores a description as one element: it wraps several elements in a `div` and plain text in a `p`. */
export function normalizeDescription(html: string): string {
  const text = html.trim();
  const tops = countTopLevel(text);
  if (tops === 0) return `<p>${text}</p>`;
  return tops > 1 ? `<div>${text}</div>` : text;
}
