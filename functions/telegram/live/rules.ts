import type { Action, Consumer, Event } from "../../../shared/task/events.ts";
import type { Chat } from "../../../shared/telegram/bot.ts";
import { lookBody, lookLane } from "../../../shared/telegram/look.ts";
import type { Notification } from "../../../shared/telegram/notifications.ts";

/** What may change what a message about a task has to say. */
const LOOKED: readonly Event["kind"][] = [
  ...(["started", "blocked", "unblocked", "completed", "cancelled", "reopened", "removed", "restored"] as const),
  ...(["renamed", "answered", "sent_back", "claim_lost"] as const),
];

/**
 * Has the messages that wait for the human, or follow a task, looked at when something happens to the task; in every
 * chat that may have one. Only agents ask and are followed.
 */
export function liveRules(entries: readonly Notification[], chat: Chat | undefined): Consumer {
  const named = [chat, ...entries.map((entry) => entry.chat)].filter((one) => one !== undefined);
  const chats = [...new Set(named)];
  return {
    name: "telegram-live",
    needsActor: () => false,
    decide(event, { item }, correlation) {
      if (!item || !LOOKED.includes(event.kind)) return [];
      if (item.agent === undefined && !("agent" in event)) return [];
      return chats.map((to): Action => {
        const [target, lane] = [`telegram:${to}:live`, lookLane(to, item.id)];
        return { target, queue: "outbox", lane, body: lookBody(item.id, correlation), rule: "work.look" };
      });
    },
  };
}
