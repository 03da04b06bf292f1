import type { Command } from "../../shared/telegram/bot.ts";

/** The bot's command menu by Telegram's language code; "" is for everybody else. */
export const MENU: Record<"" | "en" | "fr", readonly Command[]> = {
  "": [{ command: "plane", description: "Projects, agents and tasks: /plane help" }],
  en: [{ command: "plane", description: "Projects, agents and tasks: /plane help" }],
  fr: [{ command: "plane", description: "Projets, agents et tâches : /plane help" }],
};
