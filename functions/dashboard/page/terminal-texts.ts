import type { Locale } from "../../../shared/i18n/locale.ts";
import { getTexts } from "../../../shared/i18n/texts/get-texts.ts";
import type { PageTextName } from "../../../shared/i18n/texts/page-texts.ts";
import type { TerminalTexts } from "../../../shared/i18n/texts/terminal-texts.ts";
import { TICKET_PAGE_TEXTS } from "../../../shared/i18n/texts/ticket-page-texts.ts";

/** The texts of the page that the terminal's document shows as well: failed requests. */
const PAGE_TEXT_NAMES = [
  "unreachable",
  "problem.bad_request",
  "problem.forbidden",
  "problem.not_found",
  "problem.conflict",
  "problem.too_large",
  "problem.rate_limited",
  "problem.unavailable",
  "problem.internal",
] as const satisfies readonly PageTextName[];

/** All texts of the terminal's document, by language code. */
export const TERMINAL_TEXTS: Record<Locale, TerminalTexts & Record<(typeof PAGE_TEXT_NAMES)[number], string>> = {
  en: createTable("en"),
  fr: createTable("fr"),
};
export type TerminalTextTable = typeof TERMINAL_TEXTS;

function createTable(locale: Locale) {
  const { page } = getTexts(locale);
  const texts = Object.fromEntries(PAGE_TEXT_NAMES.map((name) => [name, page[name]]));
  return { ...TICKET_PAGE_TEXTS[locale].terminal, ...(texts as Record<(typeof PAGE_TEXT_NAMES)[number], string>) };
}
