import { getTexts } from "../../../../shared/i18n/texts.ts";

const [en, fr] = [getTexts("en"), getTexts("fr")];

/** The texts of the page, by language code. The build evaluates this module. */
export const TEXTS = { en: { ...en.page, ...en.pageViews }, fr: { ...fr.page, ...fr.pageViews } };
