import type { Deps } from "../../../shared/deps.ts";
import type { Commit, LeasedJob, Ms, Settlement } from "../../../shared/store/port.ts";
import type { ChatId, TelegramBot } from "../../../shared/telegram/bot.ts";
import type { Presentation, PresentationSettings } from "../presentation/presentation.ts";
import type { TelegramLimits } from "./rate-limits.ts";

/** What the outbox touches. */
export type OutboxDeps = Pick<Deps, "store" | "telegram" | "log" | "clock" | "wait" | "kick"> & {
  settings: OutboxSettings;
};

/** How messages look, and which of them people can answer. */
export interface OutboxSettings extends PresentationSettings {
  plane?: { url: string; workspace: string };
  /** Where people are heard. */
  telegram?: { chat: ChatId };
  /** Whether running tasks are followed. */
  progress?: boolean;
  timezone?: string;
}

/** One job being worked. */
export interface DeliveryContext {
  deps: OutboxDeps;
  bot: TelegramBot;
  job: LeasedJob;
  chat: ChatId;
  presentation: Presentation;
  limits: TelegramLimits;
  /** What follows the first message of a burst within so long is folded into it. */
  burstWindow: Ms;
  /** How long an edit waits for more to show. */
  editDelay: Ms;
  /** Whether the lease can still be ours by our own clock; asked right before a call. */
  isLeaseValid: () => boolean;
}

export const SETTLED: Settlement = { done: true };

/** Between tries while Telegram cannot be reached or refuses until a human mends something. */
const RETRY_DELAYS: readonly Ms[] = [1_000, 5_000, 15_000, 60_000, 120_000, 300_000, 600_000];

export async function retryAfter({ deps }: DeliveryContext, wait: Ms): Promise<Settlement> {
  return { retryAt: (await deps.store.now()) + wait };
}

/** @param failures how often it failed before this time */
export function getRetryDelay(failures: number): Ms {
  return RETRY_DELAYS[Math.min(failures, RETRY_DELAYS.length - 1)] ?? 0;
}

/** Pauses before a commit is tried again when the store rejected it. */
const COMMIT_PAUSES: readonly Ms[] = [200, 1_000, 4_000];

/**
 * A commit of what Telegram has already done: worth more tries, since without it the message is sent again.
 * A rejected commit may have been kept after all: then its next try is `stale`.
 */
export async function commitWithRetry({ deps }: DeliveryContext, commit: Commit): Promise<"kept" | "stale" | "fenced"> {
  for (const pause of COMMIT_PAUSES) {
    try {
      return await deps.store.commit(commit);
    } catch {
      await deps.wait(pause);
    }
  }
  return deps.store.commit(commit);
}
