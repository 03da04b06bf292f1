import type { Locale } from "../../../shared/i18n/locale.ts";
import { COMMAND_NAMES } from "../../../shared/i18n/texts/answer-texts.ts";
import { getTexts } from "../../../shared/i18n/texts/get-texts.ts";
import type { BotCommand, CommandScope } from "../../../shared/telegram/telegram-bot.ts";

/** One of the bot's command menus: for the chats of a scope, in a language. */
export interface CommandMenu {
  scope: CommandScope;
  language: (typeof MENU_LANGUAGES)[number];
  commands: readonly BotCommand[];
}

/** Telegram's language codes for which a menu is set; "" is for all other languages. */
export const MENU_LANGUAGES = ["", "en", "fr"] as const;

/** The scopes for which a menu is set. */
export const COMMAND_SCOPES = ["default", "all_private_chats"] as const satisfies readonly CommandScope[];

/** The bot's command menu of a scope. In a private chat each command is listed, because it needs no `/plane`. */
export function createCommandMenu(scope: CommandScope, locale: Locale): BotCommand[] {
  const { commandMenu, answers } = getTexts(locale).telegram;
  if (scope === "default") return [{ command: "plane", description: commandMenu }];
  return COMMAND_NAMES.map((command) => ({ command, description: answers.commands[command].what }));
}
