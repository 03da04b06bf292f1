/**
 * The scripts, style sheets and texts that only a machine serves: those of the view Tickets, and those of the
 * terminal's document and its frame.
 */

import type { Locale } from "../../../shared/i18n/localize.ts";
import {
  getTexts,
  type PageTextName,
  type PageTicketTexts,
  type TerminalTexts,
  TICKET_PAGE_TEXTS,
} from "../../../shared/i18n/texts.ts";
import type { PageAsset } from "./assets.ts";
import {
  type AssetReader,
  joinPageAddition,
  joinScripts,
  joinStyles,
  stripComments,
  TERMINAL_SCREEN_SCRIPT,
  TERMINAL_SCREEN_STYLE,
  TERMINAL_SCRIPTS,
  TERMINAL_STYLES,
  TICKET_SCRIPTS,
  XTERM_FILES,
} from "./bundle.ts";

/** The texts of the view Tickets, by language code. */
export const TICKET_VIEW_TEXTS: Record<Locale, PageTicketTexts> = {
  en: TICKET_PAGE_TEXTS.en.pageTickets,
  fr: TICKET_PAGE_TEXTS.fr.pageTickets,
};

/** The texts of the page that the terminal's document shows as well: failed requests. */
const PAGE_TEXT_NAMES = [
  "unreachable",
  "problem.bad_request",
  "problem.forbidden",
  "problem.not_found",
  "problem.conflict",
  "problem.too_large",
  "problem.rate_limited",
  "problem.unavailable",
  "problem.internal",
] as const satisfies readonly PageTextName[];

/** All texts of the terminal's document, by language code. */
export const TERMINAL_TEXTS: Record<Locale, TerminalTexts & Record<(typeof PAGE_TEXT_NAMES)[number], string>> = {
  en: createTerminalTexts("en"),
  fr: createTerminalTexts("fr"),
};

export type TerminalTextTable = typeof TERMINAL_TEXTS;

/** Creates the script of the view Tickets with its texts, which the page loads when the view is opened first. */
export function createTicketScript(readAsset: AssetReader): string {
  const texts = { "ticket-texts.js": `export const TICKET_TEXTS = ${JSON.stringify(TICKET_VIEW_TEXTS)};\n` };
  return joinScripts(readAsset, TICKET_SCRIPTS, texts, "ticket-view.js", joinPageAddition);
}

/**
 * The files of the terminal's document and of the frame in it. They are read and joined when they are asked for,
 * because most people never open a terminal.
 */
export function createTerminalAssets(readAsset: AssetReader): PageAsset[] {
  const readScreenScript = () => stripComments(readAsset(`functions/dashboard/page/script/${TERMINAL_SCREEN_SCRIPT}`));
  return [
    { name: "terminal.js", text: () => joinTerminalScript(readAsset) },
    { name: "terminal.css", text: () => joinStyles(readAsset, TERMINAL_STYLES) },
    { name: TERMINAL_SCREEN_SCRIPT, text: readScreenScript, isForFrame: true },
    { name: TERMINAL_SCREEN_STYLE, text: () => joinStyles(readAsset, [TERMINAL_SCREEN_STYLE]), isForFrame: true },
    { name: "xterm.js", text: () => readAsset(XTERM_FILES["xterm.js"]), isForFrame: true },
    { name: "xterm.css", text: () => readAsset(XTERM_FILES["xterm.css"]), isForFrame: true },
  ];
}

/** Creates the script of the terminal's document with its texts. */
export function joinTerminalScript(readAsset: AssetReader): string {
  const texts = { "page-texts.js": `export const TEXTS = ${JSON.stringify(TERMINAL_TEXTS)};\n` };
  return joinScripts(readAsset, TERMINAL_SCRIPTS, texts, "terminal.js");
}

function createTerminalTexts(locale: Locale) {
  const { page } = getTexts(locale);
  const texts = Object.fromEntries(PAGE_TEXT_NAMES.map((name) => [name, page[name]]));
  return { ...TICKET_PAGE_TEXTS[locale].terminal, ...(texts as Record<(typeof PAGE_TEXT_NAMES)[number], string>) };
}
