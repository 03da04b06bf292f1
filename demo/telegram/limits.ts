/** What Telegram lets a bot do; calls over it are answered 429. */
export interface TelegramLimits {
  perSecondInChat: number;
  /** So many more in one second are let through now and then, as Telegram does; 0 is strict. */
  tolerance: number;
  perMinuteInGroup: number;
  perSecond: number;
}

/** The figures of core.telegram.org/bots/faq. */
const TELEGRAM: TelegramLimits = { perSecondInChat: 1, tolerance: 2, perMinuteInGroup: 20, perSecond: 30 };

/** Counts the calls; `take` answers with the seconds to wait, 0 when the call is let through. */
export function createGate(clock: () => number, limits: Partial<TelegramLimits> = {}) {
  const { perSecondInChat, tolerance, perMinuteInGroup, perSecond } = { ...TELEGRAM, ...limits };
  const taken: { chat: string; at: number }[] = [];
  const blocked = new Map<string, number>();

  function wait(chat: string, isGroup: boolean): number {
    const now = clock();
    const oldest = taken.findIndex(({ at }) => at > now - 60_000);
    taken.splice(0, oldest === -1 ? taken.length : oldest);
    const second = taken.filter(({ at }) => at > now - 1_000);
    const ofChat = (calls: typeof taken) => calls.filter((call) => call.chat === chat);
    const left = (blocked.get(chat) ?? 0) - now;
    if (left > 0) return Math.ceil(left / 1_000);
    if (second.length >= perSecond || ofChat(second).length >= perSecondInChat + tolerance) return 1;
    const [first, ...others] = isGroup ? ofChat(taken) : [];
    if (!first || others.length + 1 < perMinuteInGroup) return 0;
    return Math.max(1, Math.ceil((first.at + 60_000 - now) / 1_000));
  }

  return {
    take(chat: string, isGroup: boolean): number {
      const seconds = wait(chat, isGroup);
      if (seconds === 0) taken.push({ chat, at: clock() });
      return seconds;
    },
    /** No call to this chat is let through for so long. */
    block(chat: string, seconds: number) {
      blocked.set(chat, clock() + seconds * 1_000);
    },
  };
}
