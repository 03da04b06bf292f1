import { cut, join, MESSAGE_LIMIT, type RichText, takesEntities } from "../../../shared/telegram/text.ts";

/** Lines as messages: as few as hold them, none over Telegram's limits (of the text, less `room`). A page begins with no empty line. */
export function pagesOf(lines: readonly RichText[], room = 0): RichText[] {
  const limit = MESSAGE_LIMIT - room;
  const pages: RichText[] = [];
  let page: RichText[] = [];
  let length = 0;
  for (const line of lines.map((one) => cut(one, limit))) {
    const fits = length + 1 + line.text.length <= limit && takesEntities([...page, line]);
    if (page.length > 0 && !fits) {
      pages.push(join(page, "\n"));
      page = [];
      length = 0;
    }
    if (page.length === 0 && line.text === "") continue;
    length += line.text.length + (page.length > 0 ? 1 : 0);
    page.push(line);
  }
  return page.length > 0 ? [...pages, join(page, "\n")] : pages;
}
