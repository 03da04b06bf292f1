import { cleaned } from "../clean.ts";
import type { RichText } from "./text.ts";
import { plain, WORD_JOINER } from "./text.ts";

/**
 * Where Telegram itself would find an address, a name, a tag or a command in plain text (bots cannot switch it off).
 */
const FINDABLE = /[@#$/.:](?=[\p{L}\p{N}\p{M}_/·\u200c])/gu;

/**
 * Text that somebody else wrote (a title, a name, a comment), made harmless and shown as it is: `cleaned`, and with
 * nothing in it that Telegram turns into a link or a mention by itself. At most `limit` UTF-16 units are taken.
 */
export function data(text: string, limit = 200): RichText {
  return plain(cleaned(text, limit).replace(FINDABLE, `$&${WORD_JOINER}`));
}
