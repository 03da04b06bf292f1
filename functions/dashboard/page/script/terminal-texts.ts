import { getTexts, TICKET_PAGE_TEXTS } from "../../../../shared/i18n/texts.ts";

/** The texts of the page that the terminal's document shows as well begin so: failed requests. */
const SHARED = /^(?:unreachable$|problem\.)/;

/** The texts of the terminal's document, by language code. The build evaluates this module. */
export const TEXTS = { en: createTexts("en"), fr: createTexts("fr") };

function createTexts(locale: "en" | "fr") {
  const shared = Object.entries(getTexts(locale).page).filter(([name]) => SHARED.test(name));
  return { ...Object.fromEntries(shared), ...TICKET_PAGE_TEXTS[locale].terminal };
}
