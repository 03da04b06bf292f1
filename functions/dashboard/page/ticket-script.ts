import type { Locale } from "../../../shared/i18n/locale.ts";
import { getTexts } from "../../../shared/i18n/texts/get-texts.ts";
import type { PageTicketTexts } from "../../../shared/i18n/texts/page-ticket-texts.ts";
import { joinPageAddition } from "./join-page-addition.ts";
import { type PageFile, TICKET_SCRIPTS } from "./page-files.ts";

/** The texts of the view Tickets, by language code. */
export const TICKET_VIEW_TEXTS: Record<Locale, PageTicketTexts> = {
  en: getTexts("en").pageTickets,
  fr: getTexts("fr").pageTickets,
};

/** Creates the script of the view Tickets with its texts, which the page loads when the view is opened first. */
export function createTicketScript(readAsset: (path: PageFile) => string): string {
  const sources = TICKET_SCRIPTS.map((name) => [name, readAsset(`functions/dashboard/page/script/${name}`)] as const);
  const texts = `export const TICKET_TEXTS = ${JSON.stringify(TICKET_VIEW_TEXTS)};\n`;
  return joinPageAddition({ ...Object.fromEntries(sources), "ticket-texts.js": texts }, "ticket-view.js");
}
