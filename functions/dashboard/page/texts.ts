import type { Locale } from "../../../shared/i18n/locale.ts";
import { getTexts } from "../../../shared/i18n/texts/get-texts.ts";
import type { PageTexts } from "../../../shared/i18n/texts/page-texts.ts";

/** Every text of the page in each language, by the language's code, as the page's script reads them. */
export const PAGE_TEXTS: Record<Locale, PageTexts> = {
  en: getTexts("en").page,
  fr: getTexts("fr").page,
};
