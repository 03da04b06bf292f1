import type { TICKET_VIEW_TEXTS } from "../ticket-bundle.ts";

/** The server creates this module from the typed texts. */
export const TICKET_TEXTS: typeof TICKET_VIEW_TEXTS;
