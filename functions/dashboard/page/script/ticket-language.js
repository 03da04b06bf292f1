import { fillText, getLanguage } from "./language.js";
import { TICKET_TEXTS } from "./ticket-texts.js";

/** @import { TextValues } from "./page-types.ts" */

/** @typedef {keyof typeof TICKET_TEXTS["en"]} TicketTextName */

/** @param {TicketTextName} name @param {TextValues} [values] */
export function translateTicket(name, values) {
  return fillText(TICKET_TEXTS[getLanguage()][name], values);
}

/** Finds the text with this name: a reason may have none. @param {string} name */
export function findTicketText(name) {
  return name in TICKET_TEXTS.en ? /** @type {TicketTextName} */ (name) : undefined;
}
