import type { BotCommand } from "../../../shared/telegram/bot.ts";

/** The bot's command menu by Telegram's language code; "" is for all other languages. */
export const COMMAND_MENU: Record<"" | "en" | "fr", readonly BotCommand[]> = {
  "": [{ command: "plane", description: "Projects, agents and tasks: /plane help" }],
  en: [{ command: "plane", description: "Projects, agents and tasks: /plane help" }],
  fr: [{ command: "plane", description: "Projets, agents et tâches : /plane help" }],
};
