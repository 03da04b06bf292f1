/** C0 and C1 controls, line and paragraph separators, and whatever counts as a blank: each run becomes one space. */
const BLANKS = /[\p{Cc}\u2028\u2029\s]+/gu;

/** Marks that reorder or hide what is around them: bidirectional controls, zero-width blanks, tags, and private noise. */
const INVISIBLE = /[\u061c\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

/** Every way to end a line. */
const LINE_ENDS = /\r\n|[\r\u0085\u2028\u2029]/gu;

/** Controls, line ends and tabs aside. */
const CONTROLS = /[^\P{Cc}\n\t]/gu;

/**
 * One line without control or bidirectional characters and half surrogate pairs; at most `limit` UTF-16 units,
 * ending in "…" when something was left off.
 */
export function cleanLine(text: string, limit: number): string {
  return truncate(text.toWellFormed().replace(INVISIBLE, "").replace(BLANKS, " ").trim(), limit);
}

/** The same for a text of several lines, which stay: for agents and terminals. */
export function cleanText(text: string, limit: number): string {
  const plain = text.toWellFormed().replace(INVISIBLE, "").replace(LINE_ENDS, "\n").replace(CONTROLS, "");
  return truncate(plain.trim(), limit);
}

function truncate(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const start = text.slice(0, limit - 1);
  const complete = start.isWellFormed() ? start : start.slice(0, -1);
  return `${complete.trimEnd()}…`;
}
