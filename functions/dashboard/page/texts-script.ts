import { PAGE_TEXTS } from "./texts.ts";

export type PageTextTable = typeof PAGE_TEXTS;

/** The page's texts as a module that the page's script imports. */
export const TEXTS_SCRIPT = `export const TEXTS = ${JSON.stringify(PAGE_TEXTS)};\n`;
