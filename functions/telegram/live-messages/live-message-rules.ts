import type { NotificationRule } from "../../../shared/config/notification-rules.ts";
import { createLiveRefreshAction } from "../../../shared/jobs/outbox-jobs.ts";
import type { AnyEvent, RuleAction, RuleSet } from "../../../shared/task/events.ts";
import type { ChatId } from "../../../shared/telegram/bot.ts";

/** What may change what a message about a task has to say. */
const REFRESH_EVENTS: readonly AnyEvent["kind"][] = [
  ...(["started", "blocked", "unblocked", "completed", "cancelled", "reopened", "removed", "restored"] as const),
  ...(["renamed", "answered", "sent_back", "claim_lost"] as const),
];

/**
 * Has the messages that wait for the human, or follow a task, looked at when something happens to the task; in every
 * chat that may have one. Only agents ask and are followed.
 */
export function createLiveMessageRules(entries: readonly NotificationRule[], chat: ChatId | undefined): RuleSet {
  const configured = [chat, ...entries.map((entry) => entry.chat)].filter((one) => one !== undefined);
  const chats = [...new Set(configured)];
  return {
    name: "telegram-live",
    isInternal: true,
    needsActor: () => false,
    decide(event, { item }, correlation) {
      if (!item || !REFRESH_EVENTS.includes(event.kind)) return [];
      if (item.agent === undefined && !("agent" in event)) return [];
      return chats.map(
        (one): RuleAction => ({ ...createLiveRefreshAction(one, item.id, correlation), rule: "work.look" }),
      );
    },
  };
}
