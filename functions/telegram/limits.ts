import type { Ms, Store } from "../../shared/store/port.ts";
import type { Chat } from "../../shared/telegram/bot.ts";

/** How many calls (messages and edits) may be made: Telegram's own figures, core.telegram.org/bots/faq. */
export interface Limits {
  perSecondInChat: number;
  perMinuteInGroup: number;
  perSecond: number;
}

export const TELEGRAM_LIMITS: Limits = { perSecondInChat: 1, perMinuteInGroup: 20, perSecond: 30 };

const inChat = (chat: Chat) => `telegram:chat:${chat}`;

/**
 * 0 when a call may be made now (and is counted), else how long to wait before asking again.
 * The longest wait comes last, so that nothing spent before it matters when it is over.
 */
export async function room(store: Store, chat: Chat, limits: Limits): Promise<Ms> {
  const isGroup = typeof chat === "string" || chat < 0;
  return (
    (await store.spend(inChat(chat), 1, limits.perSecondInChat, 1_000)) ||
    (await store.spend("telegram:all", 1, limits.perSecond, 1_000)) ||
    (isGroup ? await store.spend(`telegram:group:${chat}`, 1, limits.perMinuteInGroup, 60_000) : 0)
  );
}

/** Telegram asked to wait. */
export function holdChat(store: Store, chat: Chat, wait: Ms): Promise<void> {
  return store.hold(inChat(chat), wait);
}
