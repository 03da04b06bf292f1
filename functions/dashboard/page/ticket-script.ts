import type { Locale } from "../../../shared/i18n/locale.ts";
import type { PageTicketTexts } from "../../../shared/i18n/texts/page-ticket-texts.ts";
import { TICKET_PAGE_TEXTS } from "../../../shared/i18n/texts/ticket-page-texts.ts";
import { joinPageAddition } from "./join-page-addition.ts";
import { type PageFile, TICKET_SCRIPTS } from "./page-files.ts";

/** The texts of the view Tickets, by language code. */
export const TICKET_VIEW_TEXTS: Record<Locale, PageTicketTexts> = {
  en: TICKET_PAGE_TEXTS.en.pageTickets,
  fr: TICKET_PAGE_TEXTS.fr.pageTickets,
};

/** Creates the script of the view Tickets with its texts, which the page loads when the view is opened first. */
export function createTicketScript(readAsset: (path: PageFile) => string): string {
  const sources = TICKET_SCRIPTS.map((name) => [name, readAsset(`functions/dashboard/page/script/${name}`)] as const);
  const texts = `export const TICKET_TEXTS = ${JSON.stringify(TICKET_VIEW_TEXTS)};\n`;
  return joinPageAddition({ ...Object.fromEntries(sources), "ticket-texts.js": texts }, "ticket-view.js");
}
