import {
  fitsEntityLimits,
  joinRichText,
  MESSAGE_LIMIT,
  type RichText,
  truncateRichText,
} from "../../../shared/telegram/rich-text.ts";

/** Lines as messages: as few as hold them, none over Telegram's limits (of the text, less `room`). A page begins with no empty line. */
export function splitIntoMessages(lines: readonly RichText[], reservedLength = 0): RichText[] {
  const limit = MESSAGE_LIMIT - reservedLength;
  const pages: RichText[] = [];
  let page: RichText[] = [];
  let length = 0;
  for (const line of lines.map((one) => truncateRichText(one, limit))) {
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
