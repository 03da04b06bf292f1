import type { Consumption, Store } from "../../../shared/store/port.ts";
import { pauseBucket, reserveTurn, type Turn } from "../../../shared/store/records.ts";
import type { ChatId, EditOutcome, SendOutcome } from "../../../shared/telegram/bot.ts";
import type { Ms } from "../../../shared/time.ts";

/** Telegram's limits for calls (sends and edits), from core.telegram.org/bots/faq. */
export interface TelegramLimits {
  perSecondInChat: number;
  perMinuteInGroup: number;
  perSecond: number;
}

export const TELEGRAM_LIMITS: TelegramLimits = { perSecondInChat: 1, perMinuteInGroup: 20, perSecond: 30 };

/**
 * From the most urgent: `request`: something waits for a person's decision. `reply`: an answer to a command; its user
 * is waiting. `notification`: sent by a rule, within 30 s of the change. `background`: progress, which can wait until
 * nothing else needs the budget.
 */
const SEND_PRIORITIES = ["request", "reply", "notification", "background"] as const;

export type SendPriority = (typeof SEND_PRIORITIES)[number];

/** Calls that a priority leaves unused for the higher ones, so that a storm of notifications never delays a request. */
const RESERVED_FOR_HIGHER: Record<SendPriority, { perMinuteInGroup: number; perSecond: number }> = {
  request: { perMinuteInGroup: 0, perSecond: 0 },
  reply: { perMinuteInGroup: 2, perSecond: 0 },
  notification: { perMinuteInGroup: 8, perSecond: 3 },
  background: { perMinuteInGroup: 12, perSecond: 10 },
};

/**
 * Windows of the budget: slightly longer than Telegram's second and minute, because Telegram counts calls when they
 * arrive and we count them when they leave. Two calls sent one window apart may arrive closer together.
 */
const SECOND_WINDOW: Ms = 1_050;
const MINUTE_WINDOW: Ms = 61_000;

/** Groups and channels have negative ids, public ones also a name. */
export const isGroupChat = (chat: ChatId): boolean => typeof chat === "string" || chat < 0;

const chatBucket = (chat: ChatId) => `telegram:chat:${chat}`;

/** While this bucket is paused, a call of this priority waits in the chat, and lower ones let it go first. */
const waitingBucket = (chat: ChatId, priority: SendPriority) => `waiting:telegram:${chat}:${priority}`;

/**
 * Reserves a call. Its `wait` is 0 when the call may be made now (it is counted then), otherwise how long to wait
 * before asking again; until then, calls of lower priority in the chat wait as well, however many there are. After a
 * long hold of the chat only one call is granted, the probe.
 */
export async function reserveSend(
  store: Store,
  chat: ChatId,
  limits: TelegramLimits,
  priority: SendPriority,
): Promise<Turn> {
  const reserved = RESERVED_FOR_HIGHER[priority];
  const perSecond = limits.perSecond - reserved.perSecond;
  const perMinuteInGroup = limits.perMinuteInGroup - reserved.perMinuteInGroup;
  const inChat: Consumption = {
    bucket: chatBucket(chat),
    n: 1,
    limit: limits.perSecondInChat,
    window: SECOND_WINDOW,
  };
  const consumptions = [inChat, { bucket: "telegram:all", n: 1, limit: Math.max(1, perSecond), window: SECOND_WINDOW }];
  if (isGroupChat(chat))
    consumptions.push({
      bucket: `telegram:group:${chat}`,
      n: 1,
      limit: Math.max(1, perMinuteInGroup),
      window: MINUTE_WINDOW,
    });
  const higher = SEND_PRIORITIES.slice(0, SEND_PRIORITIES.indexOf(priority));
  for (const other of higher)
    consumptions.push({ bucket: waitingBucket(chat, other), n: 0, limit: 1, window: SECOND_WINDOW });
  const turn = await reserveTurn(store, "telegram", inChat, () => store.consumeAll(consumptions));
  // One window longer than the chat's, so that this call comes again before the lower ones do.
  if (turn.wait > 0 && priority !== "background")
    await store.pause(waitingBucket(chat, priority), Math.min(turn.wait, SECOND_WINDOW) + SECOND_WINDOW);
  return turn;
}

/**
 * Records what Telegram answered to a call that was reserved: a 429 makes the chat wait as long as Telegram asked for,
 * and any other answer to a probe ends the chat's hold.
 */
export async function recordSendOutcome(
  store: Store,
  chat: ChatId,
  { isProbe }: Turn,
  outcome: SendOutcome | EditOutcome,
): Promise<void> {
  if (outcome.kind === "wait") await pauseBucket(store, "telegram", chatBucket(chat), outcome.ms);
  else if (isProbe && outcome.kind !== "not_sent" && outcome.kind !== "unknown") {
    // The message's own record matters more than a store error here: the probe's lease expires, and another one is
    // sent.
    await store.endProbe(chatBucket(chat)).catch(() => {});
  }
}
