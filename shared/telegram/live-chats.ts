import type { NotificationRule } from "../config/notification-rules.ts";
import type { ChatId } from "./telegram-bot.ts";

/** Lists the chats that may have live messages: TELEGRAM_CHAT_ID and the chats of notification rules. */
export function listLiveChats(entries: readonly NotificationRule[], chat: ChatId | undefined): ChatId[] {
  const chats = [chat, ...entries.map((entry) => entry.chat)].filter((configuredChat) => configuredChat !== undefined);
  return [...new Set(chats)];
}
