import type { Locale } from "../../../shared/i18n/locale.ts";
import { getTexts } from "../../../shared/i18n/texts/get-texts.ts";
import type { BotCommand } from "../../../shared/telegram/telegram-bot.ts";

/** The bot's command menu by Telegram's language code; "" is for all other languages. */
export const COMMAND_MENU: Record<"" | Locale, readonly BotCommand[]> = {
  "": createCommandMenu("en"),
  en: createCommandMenu("en"),
  fr: createCommandMenu("fr"),
};

function createCommandMenu(locale: Locale): BotCommand[] {
  return [{ command: "plane", description: getTexts(locale).telegram.commandMenu }];
}
