import type { PageTextTable } from "../bundle.ts";
import type { TerminalTextTable } from "../ticket-bundle.ts";

/** The server creates this module from the typed texts. */
export const TEXTS: PageTextTable & TerminalTextTable;
