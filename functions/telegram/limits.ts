import type { Ms, Spend, Store } from "../../shared/store/port.ts";
import type { Chat } from "../../shared/telegram/bot.ts";

/** How many calls (messages and edits) may be made: Telegram's own figures, core.telegram.org/bots/faq. */
export interface Limits {
  perSecondInChat: number;
  perMinuteInGroup: number;
  perSecond: number;
}

export const TELEGRAM_LIMITS: Limits = { perSecondInChat: 1, perMinuteInGroup: 20, perSecond: 30 };

/**
 * Telegram counts calls when they arrive, we when they leave: two that left a window apart may arrive closer together.
 * So our windows are a little longer than its second and its minute.
 */
const SECOND: Ms = 1_050;
const MINUTE: Ms = 61_000;

const inChat = (chat: Chat) => `telegram:chat:${chat}`;

/** 0 when a call may be made now (and is counted), else how long to wait before asking again. */
export function room(store: Store, chat: Chat, limits: Limits): Promise<Ms> {
  const isGroup = typeof chat === "string" || chat < 0;
  const spends: Spend[] = [
    { bucket: inChat(chat), n: 1, limit: limits.perSecondInChat, window: SECOND },
    { bucket: "telegram:all", n: 1, limit: limits.perSecond, window: SECOND },
  ];
  if (isGroup) spends.push({ bucket: `telegram:group:${chat}`, n: 1, limit: limits.perMinuteInGroup, window: MINUTE });
  return store.spendAll(spends);
}

/** So many of a group's calls in a minute are left to answers: who asks is not kept waiting by a storm of notices. */
const FOR_ANSWERS = 3;

/** The same for what nobody has asked for. */
export function noticeRoom(store: Store, chat: Chat, limits: Limits): Promise<Ms> {
  return room(store, chat, { ...limits, perMinuteInGroup: Math.max(1, limits.perMinuteInGroup - FOR_ANSWERS) });
}

/** What nobody waits for leaves so many of a group's calls in a minute, and of all in a second, to the rest. */
const LEFT = { group: 10, all: 10 };

/** The same for what can wait: only what the others do not use. */
export function spareRoom(store: Store, chat: Chat, limits: Limits): Promise<Ms> {
  const perMinuteInGroup = Math.max(1, limits.perMinuteInGroup - LEFT.group);
  return room(store, chat, { ...limits, perMinuteInGroup, perSecond: Math.max(1, limits.perSecond - LEFT.all) });
}

/** Telegram asked to wait. */
export function holdChat(store: Store, chat: Chat, wait: Ms): Promise<void> {
  return store.hold(inChat(chat), wait);
}
