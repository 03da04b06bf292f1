import type { CONSOLE_TEXTS } from "../texts.ts";

/** The server makes this module of the typed texts. */
export const TEXTS: typeof CONSOLE_TEXTS;
