import type { BucketSpend, Store } from "../../../shared/store/port.ts";
import type { ChatId } from "../../../shared/telegram/bot.ts";
import type { Ms } from "../../../shared/time.ts";

/** How many calls (messages and edits) may be made: Telegram's own figures, core.telegram.org/bots/faq. */
export interface TelegramLimits {
  perSecondInChat: number;
  perMinuteInGroup: number;
  perSecond: number;
}

export const TELEGRAM_LIMITS: TelegramLimits = { perSecondInChat: 1, perMinuteInGroup: 20, perSecond: 30 };

/**
 * Telegram counts calls when they arrive, we when they leave: two that left a window apart may arrive closer together.
 * So our windows are a little longer than its second and its minute.
 */
const SECOND_WINDOW: Ms = 1_050;
const MINUTE_WINDOW: Ms = 61_000;

const chatBucket = (chat: ChatId) => `telegram:chat:${chat}`;

/** 0 when a call may be made now (and is counted), else how long to wait before asking again. */
export function reserveSend(store: Store, chat: ChatId, limits: TelegramLimits): Promise<Ms> {
  const isGroup = typeof chat === "string" || chat < 0;
  const spends: BucketSpend[] = [
    { bucket: chatBucket(chat), n: 1, limit: limits.perSecondInChat, window: SECOND_WINDOW },
    { bucket: "telegram:all", n: 1, limit: limits.perSecond, window: SECOND_WINDOW },
  ];
  if (isGroup)
    spends.push({ bucket: `telegram:group:${chat}`, n: 1, limit: limits.perMinuteInGroup, window: MINUTE_WINDOW });
  return store.spendAll(spends);
}

/** So many of a group's calls in a minute are left to answers: who asks is not kept waiting by a storm of notices. */
const RESERVED_FOR_ANSWERS = 3;

/** The same for what nobody has asked for. */
export function reserveNotificationSend(store: Store, chat: ChatId, limits: TelegramLimits): Promise<Ms> {
  return reserveSend(store, chat, {
    ...limits,
    perMinuteInGroup: Math.max(1, limits.perMinuteInGroup - RESERVED_FOR_ANSWERS),
  });
}

/** What nobody waits for leaves so many of a group's calls in a minute, and of all in a second, to the rest. */
const RESERVED_FOR_OTHERS = { group: 10, all: 10 };

/** The same for what can wait: only what the others do not use. */
export function reserveBackgroundSend(store: Store, chat: ChatId, limits: TelegramLimits): Promise<Ms> {
  const perMinuteInGroup = Math.max(1, limits.perMinuteInGroup - RESERVED_FOR_OTHERS.group);
  return reserveSend(store, chat, {
    ...limits,
    perMinuteInGroup,
    perSecond: Math.max(1, limits.perSecond - RESERVED_FOR_OTHERS.all),
  });
}

/** Telegram asked to wait. */
export function holdChat(store: Store, chat: ChatId, wait: Ms): Promise<void> {
  return store.hold(chatBucket(chat), wait);
}
