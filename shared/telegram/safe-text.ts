import { cleanLine } from "../clean-text.ts";
import { type RichText, toPlainText, WORD_JOINER } from "./rich-text.ts";

/** Where Telegram would detect a link, mention, tag or command in plain text. Bots cannot switch this off. */
const AUTO_LINKED = /[@#$/.:](?=[\p{L}\p{N}\p{M}_/·\u200c])/gu;

/**
 * Makes a text of others (a title, a name, a comment) safe to show: cleaned, on one line, and without anything that
 * Telegram turns into a link or a mention by itself. At most `limit` UTF-16 units are used.
 */
export function toSafeText(text: string, limit = 200): RichText {
  return toPlainText(cleanLine(text, limit).replace(AUTO_LINKED, `$&${WORD_JOINER}`));
}
