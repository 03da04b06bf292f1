import { MINUTE } from "../../shared/time.ts";

/** What Telegram lets a bot do; calls over it are answered 429. */
export interface TelegramLimits {
  perSecondInChat: number;
  /** So many more in one second are let through now and then, as Telegram does; 0 is strict. */
  tolerance: number;
  perMinuteInGroup: number;
  perSecond: number;
}

/** The figures of core.telegram.org/bots/faq. */
const DEFAULT_LIMITS: TelegramLimits = { perSecondInChat: 1, tolerance: 2, perMinuteInGroup: 20, perSecond: 30 };

/** Counts the calls; `take` answers with the seconds to wait, 0 when the call is let through. */
export function createTelegramRateLimiter(clock: () => number, limits: Partial<TelegramLimits> = {}) {
  const { perSecondInChat, tolerance, perMinuteInGroup, perSecond } = { ...DEFAULT_LIMITS, ...limits };
  const acceptedCalls: { chat: string; at: number }[] = [];
  const blocked = new Map<string, number>();

  function secondsToWait(chat: string, isGroup: boolean): number {
    const now = clock();
    const oldest = acceptedCalls.findIndex(({ at }) => at > now - MINUTE);
    acceptedCalls.splice(0, oldest === -1 ? acceptedCalls.length : oldest);
    const lastSecond = acceptedCalls.filter(({ at }) => at > now - 1_000);
    const callsOfChat = (calls: typeof acceptedCalls) => calls.filter((call) => call.chat === chat);
    const blockedFor = (blocked.get(chat) ?? 0) - now;
    if (blockedFor > 0) return Math.ceil(blockedFor / 1_000);
    if (lastSecond.length >= perSecond || callsOfChat(lastSecond).length >= perSecondInChat + tolerance) return 1;
    const [first, ...others] = isGroup ? callsOfChat(acceptedCalls) : [];
    if (!first || others.length + 1 < perMinuteInGroup) return 0;
    return Math.max(1, Math.ceil((first.at + MINUTE - now) / 1_000));
  }

  return {
    reserveCall(chat: string, isGroup: boolean): number {
      const seconds = secondsToWait(chat, isGroup);
      if (seconds === 0) acceptedCalls.push({ chat, at: clock() });
      return seconds;
    },
    /** No call to this chat is let through for so long. */
    block(chat: string, seconds: number) {
      blocked.set(chat, clock() + seconds * 1_000);
    },
  };
}
