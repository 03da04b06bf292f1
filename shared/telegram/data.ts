import type { RichText } from "./text.ts";
import { plain, WORD_JOINER } from "./text.ts";

/** C0 and C1 controls, line and paragraph separators, and whatever counts as a blank: each run becomes one space. */
const BLANKS = /[\p{Cc}\u2028\u2029\s]+/gu;

/** Marks that reorder or hide what is around them: bidirectional controls, zero-width blanks, tags, and private noise. */
const INVISIBLE = /[\u061c\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

/**
 * Where Telegram itself would find an address, a name, a tag or a command in plain text (bots cannot switch it off).
 */
const FINDABLE = /[@#$/.:](?=[\p{L}\p{N}_/])/gu;

/**
 * Text that somebody else wrote (a title, a name, a comment), made harmless and shown as it is: `cleaned`, and with
 * nothing in it that Telegram turns into a link or a mention by itself. At most `limit` UTF-16 units are taken.
 */
export function data(text: string, limit = 200): RichText {
  return plain(cleaned(text, limit).replace(FINDABLE, `$&${WORD_JOINER}`));
}

/**
 * One line without control or bidirectional characters and half surrogate pairs; at most `limit` UTF-16 units,
 * ending in "…" when something was left off.
 */
export function cleaned(text: string, limit: number): string {
  const line = text.toWellFormed().replace(INVISIBLE, "").replace(BLANKS, " ").trim();
  if (line.length <= limit) return line;
  const kept = line.slice(0, limit - 1);
  const whole = kept.isWellFormed() ? kept : kept.slice(0, -1);
  return `${whole.trimEnd()}…`;
}
