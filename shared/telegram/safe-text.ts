import { cleanLine } from "../clean-text.ts";
import { type RichText, toPlainText, WORD_JOINER } from "./rich-text.ts";

/**
 * Where Telegram itself would find an address, a name, a tag or a command in plain text (bots cannot switch it off).
 */
const AUTO_LINKED = /[@#$/.:](?=[\p{L}\p{N}\p{M}_/·\u200c])/gu;

/**
 * Text that somebody else wrote (a title, a name, a comment), made harmless and shown as it is: `cleaned`, and with
 * nothing in it that Telegram turns into a link or a mention by itself. At most `limit` UTF-16 units are taken.
 */
export function toSafeText(text: string, limit = 200): RichText {
  return toPlainText(cleanLine(text, limit).replace(AUTO_LINKED, `$&${WORD_JOINER}`));
}
