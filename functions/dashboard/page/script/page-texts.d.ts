import type { PageTextTable } from "../texts-script.ts";

/** The server makes this module of the typed texts. */
export const TEXTS: PageTextTable;
