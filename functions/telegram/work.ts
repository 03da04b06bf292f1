import type { Deps } from "../../shared/deps.ts";
import type { Commit, Leased, Ms, Settlement } from "../../shared/store/port.ts";
import type { Bot, Chat } from "../../shared/telegram/bot.ts";
import type { Look, LookSettings } from "./details.ts";
import type { Limits } from "./limits.ts";

/** What the outbox touches. */
export type OutboxDeps = Pick<Deps, "store" | "telegram" | "log" | "clock" | "wait" | "kick"> & {
  settings: OutboxSettings;
};

/** How messages look, and which of them people can answer. */
export interface OutboxSettings extends LookSettings {
  plane?: { url: string; workspace: string };
  /** Where people are heard. */
  telegram?: { chat: Chat };
  /** Whether running tasks are followed. */
  progress?: boolean;
  timezone?: string;
}

/** One job being worked. */
export interface Work {
  deps: OutboxDeps;
  bot: Bot;
  job: Leased;
  chat: Chat;
  look: Look;
  limits: Limits;
  /** What follows the first message of a burst within so long is folded into it. */
  burst: Ms;
  /** How long an edit waits for more to show. */
  gather: Ms;
  /** Whether the lease can still be ours by our own clock; asked right before a call. */
  inTime: () => boolean;
}

export const DONE: Settlement = { done: true };

/** Between tries while Telegram cannot be reached or refuses until a human mends something. */
const DELAYS: readonly Ms[] = [1_000, 5_000, 15_000, 60_000, 120_000, 300_000, 600_000];

export async function later({ deps }: Work, wait: Ms): Promise<Settlement> {
  return { retryAt: (await deps.store.now()) + wait };
}

/** @param failures how often it failed before this time */
export function delayAfter(failures: number): Ms {
  return DELAYS[Math.min(failures, DELAYS.length - 1)] ?? 0;
}

/** Pauses before a commit is tried again when the store rejected it. */
const PAUSES: readonly Ms[] = [200, 1_000, 4_000];

/**
 * A commit of what Telegram has already done: worth more tries, since without it the message is sent again.
 * A rejected commit may have been kept after all: then its next try is `stale`.
 */
export async function commitDone({ deps }: Work, commit: Commit): Promise<"kept" | "stale" | "fenced"> {
  for (const pause of PAUSES) {
    try {
      return await deps.store.commit(commit);
    } catch {
      await deps.wait(pause);
    }
  }
  return deps.store.commit(commit);
}
