import { cleanLine } from "../../../shared/clean-text.ts";
import type { Settings, TelegramSettings } from "../../../shared/config/settings.ts";
import { type Locale, resolveLocale } from "../../../shared/i18n/locale.ts";
import type { ChatId } from "../../../shared/telegram/telegram-bot.ts";
import type { TelegramCallback, TelegramMessage } from "../../../shared/telegram/updates.ts";

type UpdateChat = TelegramMessage["chat"];
type UpdateUser = TelegramCallback["from"];

/** A user who is allowed to give commands. */
export interface AuthorizedUser {
  id: number;
  /** Ends in brackets, which distinguish it from every agent's name. */
  name: string;
  language: Locale;
}

/** The name of a user of the dashboard, who has authenticated with ADMIN_TOKEN. */
const PAGE_USER_NAME = "Admin (page)";

/** Accepts users of TELEGRAM_ALLOWED_USERS in TELEGRAM_CHAT_ID. Otherwise returns the reason, for the log. */
export function authorizeUser(
  { telegram, locale }: Pick<Settings, "telegram" | "locale">,
  user: UpdateUser | undefined,
  chat: UpdateChat | undefined,
  isFromPage = false,
): AuthorizedUser | { refused: string } {
  if (!telegram) return { refused: "Telegram is not configured" };
  if (!chat || !isConfiguredChat(telegram.chat, chat)) return { refused: "the chat is not TELEGRAM_CHAT_ID" };
  if (!user || !isAllowedUser(telegram, user.id)) return { refused: "the user is not in TELEGRAM_ALLOWED_USERS" };
  const firstName = cleanLine(user.first_name ?? "", 40).replace(/[()]/g, "");
  const language = resolveLocale(locale, user.language_code);
  const name = isFromPage ? PAGE_USER_NAME : `${firstName === "" ? user.id : firstName} (Telegram)`;
  return { id: user.id, name, language };
}

function isAllowedUser({ allowedUsers }: Pick<TelegramSettings, "allowedUsers">, user: number): boolean {
  return allowedUsers.includes(user);
}

/** Names of public chats are case-insensitive. */
function isConfiguredChat(chat: ChatId, { id, username }: UpdateChat): boolean {
  return typeof chat === "number" ? id === chat : `@${username ?? ""}`.toLowerCase() === chat.toLowerCase();
}
