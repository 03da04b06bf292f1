import type { Locale } from "../../../shared/i18n/locale.ts";
import { getTexts } from "../../../shared/i18n/texts/get-texts.ts";
import type { PageTexts } from "../../../shared/i18n/texts/page-texts.ts";
import type { PageViewTexts } from "../../../shared/i18n/texts/page-view-texts.ts";

/** All texts of the page, by language code. */
export const PAGE_TEXTS: Record<Locale, PageTexts & PageViewTexts> = {
  en: { ...getTexts("en").page, ...getTexts("en").pageViews },
  fr: { ...getTexts("fr").page, ...getTexts("fr").pageViews },
};
