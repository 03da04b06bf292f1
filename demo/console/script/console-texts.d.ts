import type { CONSOLE_TEXTS } from "../texts.ts";

/** The server creates this module from the typed texts. */
export const TEXTS: typeof CONSOLE_TEXTS;
