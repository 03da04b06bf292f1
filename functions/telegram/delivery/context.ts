import type { Deps } from "../../../shared/app/deps.ts";
import type { LeasedJob, Settlement } from "../../../shared/store/job-operations.ts";
import type { Commit } from "../../../shared/store/port.ts";
import type { ChatId, TelegramBot } from "../../../shared/telegram/telegram-bot.ts";
import { MINUTE, type Ms, SECOND } from "../../../shared/time.ts";
import type { Presentation, PresentationSettings } from "../presentation/presentation.ts";
import type { TelegramLimits } from "./rate-limits.ts";

/** The dependencies of the outbox. */
export type OutboxDeps = Pick<Deps, "store" | "telegram" | "log" | "clock" | "wait" | "kick"> & {
  settings: OutboxSettings;
};

/** The settings that decide how messages look and in which chat people can answer them. */
export interface OutboxSettings extends PresentationSettings {
  plane?: { url: string; workspace: string };
  /** The chat whose commands, buttons and replies are handled. */
  telegram?: { chat: ChatId };
  /** Whether a message follows the progress of each running task. */
  progress?: boolean;
  timezone?: string;
  /** `minutes`: what a button adds to the time of a session. */
  tickets?: { minutes: number } | undefined;
}

/** The context of one job that is being handled. */
export interface DeliveryContext {
  deps: OutboxDeps;
  bot: TelegramBot;
  job: LeasedJob;
  chat: ChatId;
  presentation: Presentation;
  limits: TelegramLimits;
  /** Notifications that follow the first one within this time are merged into its message. */
  burstWindow: Ms;
  /** Time an edit waits for further notifications. */
  editDelay: Ms;
  /** Whether the lease can still be ours by our own clock. Checked right before each call to Telegram. */
  isLeaseValid: () => boolean;
}

export const SETTLED: Settlement = { done: true };

/** Intervals for retries: while Telegram is unreachable or refuses until a human fixes something, up to 10 minutes. */
const RETRY_DELAYS: readonly Ms[] = [SECOND, 5 * SECOND, 15 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE];

export async function retryAfter({ deps }: DeliveryContext, wait: Ms): Promise<Settlement> {
  return { retryAt: (await deps.store.now()) + wait };
}

/** @param failures number of failures before this one */
export function getRetryDelay(failures: number): Ms {
  return RETRY_DELAYS[Math.min(failures, RETRY_DELAYS.length - 1)] ?? 0;
}

/** Intervals for repeating a commit that the store rejected: 5 s in all, enough for a short outage of the store. */
const COMMIT_PAUSES: readonly Ms[] = [200, 1_000, 4_000];

/**
 * Commits what Telegram has already done. It is worth several tries, since without the commit the message is sent
 * again. A rejected commit may have been stored after all: then its next try is `stale`.
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
