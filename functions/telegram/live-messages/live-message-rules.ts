import type { NotificationRule } from "../../../shared/config/notification-rules.ts";
import { createLiveRefreshAction } from "../../../shared/jobs/outbox-jobs.ts";
import type { AnyEvent } from "../../../shared/task/events.ts";
import type { RuleAction, RuleSet } from "../../../shared/task/rule-set.ts";
import { listLiveChats } from "../../../shared/telegram/live-chats.ts";
import type { ChatId } from "../../../shared/telegram/telegram-bot.ts";

/** Events that may change the text of a live message. */
const REFRESH_EVENTS: readonly AnyEvent["kind"][] = [
  ...(["started", "blocked", "unblocked", "completed", "cancelled", "reopened", "removed", "restored"] as const),
  ...(["renamed", "answered", "sent_back", "claim_lost"] as const),
  ...(["plan_proposed", "plan_approved", "plan_rejected", "plan_failed"] as const),
];

/** What the live messages of an event without a task are about. */
function getSubjectId(event: AnyEvent): string | undefined {
  if (event.kind === "answered") return event.question;
  return "plan" in event ? event.plan : undefined;
}

/**
 * Creates the rules that refresh live messages (questions, reviews, progress) when something happens to what they are
 * about, in every chat that may have one. Of tasks, only those of agents have live messages.
 */
export function createLiveMessageRules(entries: readonly NotificationRule[], chat: ChatId | undefined): RuleSet {
  const chats = listLiveChats(entries, chat);
  return {
    name: "telegram-live",
    isInternal: true,
    needsActor: () => false,
    decide(event, { item }, correlation) {
      if (!REFRESH_EVENTS.includes(event.kind)) return [];
      if (item?.agent === undefined && !("agent" in event)) return [];
      const subjectId = item?.id ?? getSubjectId(event);
      if (subjectId === undefined) return [];
      return chats.map(
        (liveChat): RuleAction => ({ ...createLiveRefreshAction(liveChat, subjectId, correlation), rule: "work.look" }),
      );
    },
  };
}
