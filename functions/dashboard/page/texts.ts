import type { Locale } from "../../../shared/i18n/locale.ts";
import type { PageTexts } from "../../../shared/i18n/texts/page-texts.ts";
import { getTexts } from "../../../shared/i18n/texts.ts";
import type { BoardColumn } from "../board-cards.ts";

/** Every text of the page in each language, by the language's code, as the page's script reads them. */
export const PAGE_TEXTS: Record<Locale, PageTexts & Record<`column.${BoardColumn}`, string>> = {
  en: getTexts("en").page,
  fr: getTexts("fr").page,
};
