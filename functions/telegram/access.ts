import { cleaned } from "../../shared/clean.ts";
import type { Settings, TelegramSettings } from "../../shared/config.ts";
import type { Chat } from "../../shared/telegram/bot.ts";
import type { Callback, Message } from "../../shared/telegram/updates.ts";

type Where = Message["chat"];
type User = Callback["from"];

/** Somebody who may steer. */
export interface Speaker {
  id: number;
  /** The brackets tell it from every agent's name. */
  name: string;
  language: "en" | "fr";
}

/** What whoever sits at the page is called: they have shown ADMIN_TOKEN. */
const AT_PAGE = "Admin (page)";

/** Who may be answered: a user of TELEGRAM_ALLOWED_USERS in TELEGRAM_CHAT_ID; else why not, for the log. */
export function speakerOf(
  { telegram, locale }: Pick<Settings, "telegram" | "locale">,
  user: User | undefined,
  where: Where | undefined,
  atPage = false,
): Speaker | { refused: string } {
  if (!telegram) return { refused: "Telegram is not set up" };
  if (!where || !isChat(telegram.chat, where)) return { refused: "it was said in another chat than TELEGRAM_CHAT_ID" };
  if (!user || !mayAsk(telegram, user.id)) return { refused: "the user is not in TELEGRAM_ALLOWED_USERS" };
  const first = cleaned(user.first_name ?? "", 40).replace(/[()]/g, "");
  const language = locale !== "auto" ? locale : /^fr\b/i.test(user.language_code ?? "") ? "fr" : "en";
  const name = atPage ? AT_PAGE : `${first === "" ? user.id : first} (Telegram)`;
  return { id: user.id, name, language };
}

function mayAsk({ allowedUsers }: Pick<TelegramSettings, "allowedUsers">, user: number): boolean {
  return allowedUsers.includes(user);
}

/** Names of public chats are the same in upper and lower case. */
function isChat(chat: Chat, { id, username }: Where): boolean {
  return typeof chat === "number" ? id === chat : `@${username ?? ""}`.toLowerCase() === chat.toLowerCase();
}
