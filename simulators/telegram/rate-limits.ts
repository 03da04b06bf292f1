import { MINUTE } from "../../shared/time.ts";

/** Telegram's limits for a bot. Calls beyond them are answered with 429. */
export interface TelegramLimits {
  perSecondInChat: number;
  /** Extra calls per second and chat that are accepted, because Telegram tolerates short bursts. 0 is strict. */
  tolerance: number;
  perMinuteInGroup: number;
  perSecond: number;
}

/** The figures of core.telegram.org/bots/faq. */
const DEFAULT_LIMITS: TelegramLimits = { perSecondInChat: 1, tolerance: 2, perMinuteInGroup: 20, perSecond: 30 };

/** Counts accepted calls. `reserveCall` returns the seconds to wait, 0 when the call is accepted. */
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
    /** Refuses every call to this chat for this number of seconds. */
    block(chat: string, seconds: number) {
      blocked.set(chat, clock() + seconds * 1_000);
    },
  };
}
