import { TICKET_PAGE_TEXTS } from "../../../../shared/i18n/texts.ts";

const { en, fr } = TICKET_PAGE_TEXTS;

/** The texts of the view Tickets, by language code. The build evaluates this module. */
export const TICKET_TEXTS = { en: en.pageTickets, fr: fr.pageTickets };
