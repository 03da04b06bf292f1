import type { TerminalTextTable } from "../terminal-texts.ts";
import type { PageTextTable } from "../texts-script.ts";

/** The server creates this module from the typed texts. */
export const TEXTS: PageTextTable & TerminalTextTable;
