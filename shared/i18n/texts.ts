import { en, ticketPageEn } from "./en.ts";
import { fr, ticketPageFr } from "./fr.ts";
import { type Locale, type LocaleSetting, resolveLocale, setFrenchSpaces } from "./localize.ts";

/** All texts of one language, except those of documents that only hosts with tickets serve. */
type Texts = typeof TEXTS.en;
export type TelegramTexts = Texts["telegram"];
export type CommentTexts = Texts["comments"];
export type CardTexts = Texts["card"];
export type WhyTexts = Texts["why"];
/** The lines of an agent card. */
export type CardLine = keyof CardTexts["labels"];
type TicketPageTexts = typeof TICKET_PAGE_TEXTS.en;
export type TerminalTexts = TicketPageTexts["terminal"];
export type TerminalTextName = keyof TerminalTexts;
export type CommandName = keyof TelegramTexts["answers"]["commands"];
/** What a command can be about. */
export type CommandSubject = keyof TelegramTexts["answers"]["notFound"];

/** The commands after `/plane`, in the order of the help. */
export const COMMAND_NAMES = Object.keys(en.telegram.answers.commands) as CommandName[];

const TEXTS = { en, fr: mapTexts(fr, setFrenchSpaces) } satisfies Record<Locale, object>;

/**
 * The texts of the view Tickets and of the terminal's document, by language code. Hosts without tickets do not use
 * them; the mark lets their bundler leave them out.
 */
export const TICKET_PAGE_TEXTS = { en: ticketPageEn, fr: /* @__PURE__ */ mapTexts(ticketPageFr, setFrenchSpaces) };

/** Returns the texts for a `LOCALE` setting. @param languageCode the user's language, for a text for a single user */
export function getTexts(setting: LocaleSetting, languageCode?: string): Texts {
  return TEXTS[resolveLocale(setting, languageCode)];
}

/** Applies a function to all texts of a table. The names of languages, such as `locale: "fr"`, stay as they are. */
function mapTexts<T extends object>(table: T, change: (text: string) => string): T {
  const entries = Object.entries(table).map(([name, value]) => [
    name,
    typeof value === "string" ? change(value) : mapTexts(value, change),
  ]);
  return Object.fromEntries(entries);
}
