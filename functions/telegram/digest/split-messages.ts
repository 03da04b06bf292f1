import {
  fitsEntityLimits,
  joinRichText,
  MESSAGE_LIMIT,
  type RichText,
  truncateRichText,
} from "../../../shared/telegram/rich-text.ts";

/**
 * Splits lines into as few messages as possible, each within Telegram's limits. A message never begins with an empty
 * line.
 * @param reservedLength UTF-16 units of each message to leave free
 */
export function splitIntoMessages(lines: readonly RichText[], reservedLength = 0): RichText[] {
  const limit = MESSAGE_LIMIT - reservedLength;
  const pages: RichText[] = [];
  let page: RichText[] = [];
  let length = 0;
  for (const line of lines.map((untruncated) => truncateRichText(untruncated, limit))) {
    const fits = length + 1 + line.text.length <= limit && fitsEntityLimits([...page, line]);
    if (page.length > 0 && !fits) {
      pages.push(joinRichText(page, "\n"));
      page = [];
      length = 0;
    }
    if (page.length === 0 && line.text === "") continue;
    length += line.text.length + (page.length > 0 ? 1 : 0);
    page.push(line);
  }
  return page.length > 0 ? [...pages, joinRichText(page, "\n")] : pages;
}
