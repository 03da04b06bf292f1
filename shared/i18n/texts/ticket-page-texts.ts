import { setFrenchSpaces } from "../french-spaces.ts";
import type { Locale } from "../locale.ts";
import { mapTexts } from "./map-texts.ts";
import { pageTicketTextsEn } from "./page-ticket-texts.en.ts";
import { pageTicketTextsFr } from "./page-ticket-texts.fr.ts";
import type { PageTicketTexts } from "./page-ticket-texts.ts";
import { terminalTextsEn } from "./terminal-texts.en.ts";
import { terminalTextsFr } from "./terminal-texts.fr.ts";
import type { TerminalTexts } from "./terminal-texts.ts";

interface TicketPageTexts {
  pageTickets: PageTicketTexts;
  terminal: TerminalTexts;
}

/** The texts of the view Tickets and of the terminal's document, by language code; only hosts with tickets load them. */
export const TICKET_PAGE_TEXTS: Record<Locale, TicketPageTexts> = {
  en: { pageTickets: pageTicketTextsEn, terminal: terminalTextsEn },
  fr: mapTexts({ pageTickets: pageTicketTextsFr, terminal: terminalTextsFr }, setFrenchSpaces),
};
