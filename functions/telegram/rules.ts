/**
 * Which events are sent to Telegram: as notifications by the rules of the settings, or as messages that stay up to
 * date.
 */

import { DEFAULT_NOTIFICATION_RULES, type NotificationRule } from "../../shared/config/settings-file.ts";
import { createLiveRefreshAction, createNotificationAction } from "../../shared/jobs/outgoing-jobs.ts";
import type { AnyEvent } from "../../shared/task/events.ts";
import {
  type EventFacts,
  type RuleAction,
  type RuleSet,
  type SkipReason,
  WAITS_FOR_PERSON,
} from "../../shared/task/rule-set.ts";
import type { ChatId } from "../../shared/telegram/bot.ts";
import { listLiveChats } from "../../shared/telegram/chat-settings.ts";

interface RoutingDecision {
  /** Undefined if Telegram is not configured. */
  targetChat: ChatId | undefined;
  rule: string;
  mutedBy: string | undefined;
  /** The chat gets another event about the same change. */
  isReported: boolean;
}

/** Events that may change the text of a live message. */
const REFRESH_EVENTS: readonly AnyEvent["kind"][] = [
  ...(["started", "blocked", "unblocked", "completed", "cancelled", "reopened", "removed", "restored"] as const),
  ...(["renamed", "sent_back", "claim_lost"] as const),
];

/**
 * Decides which events are sent to Telegram, and to which chat (NOTIF-05).
 * Configured entries that are not `mute` replace the default ones; `mute` entries suppress either.
 * A chat gets an event at most once. The action is named after the first entry that matches.
 *
 * @param chat chat for entries without one of their own; undefined if Telegram is not configured
 */
export function createNotificationRules(
  entries: readonly NotificationRule[] | undefined,
  chat: ChatId | undefined,
): RuleSet {
  const configured = entries ?? [];
  const mutes = configured.filter((entry) => entry.mute);
  const selected = configured.filter((entry) => !entry.mute);
  const senders = selected.length > 0 ? selected : DEFAULT_NOTIFICATION_RULES;

  return {
    name: "telegram",
    needsActor: (event) =>
      [...senders, ...mutes].some(({ events, by }) => by !== "anyone" && events.includes(event.kind)),
    canMatch: (kind, { project, priority }) =>
      senders.some(
        (entry) =>
          (entry.chat ?? chat) !== undefined &&
          entry.events.includes(kind) &&
          (!entry.projects || includesIgnoringCase(entry.projects, project)) &&
          (!entry.priorities || entry.priorities.includes(priority)),
      ),
    decide(event, facts, correlation) {
      return decideRoutes(event, facts).flatMap(({ targetChat, rule, mutedBy, isReported }): RuleAction[] => {
        if (targetChat === undefined || mutedBy !== undefined || isReported) return [];
        return [{ ...createNotificationAction(targetChat, { event, facts, correlation }), rule }];
      });
    },
    explainSkips(event, facts): SkipReason[] {
      const decisions = decideRoutes(event, facts);
      if (decisions.length === 0) return [{ consumer: "telegram", why: "no_rule" }];
      return decisions.flatMap(({ targetChat, rule, mutedBy, isReported }): SkipReason[] => {
        if (targetChat === undefined) return [{ consumer: "telegram", why: "not_set_up", rule }];
        if (isReported) return [{ consumer: "telegram", why: "other_event", rule }];
        return mutedBy === undefined ? [] : [{ consumer: "telegram", why: "muted", rule: mutedBy }];
      });
    },
  };

  /** For each chat that should get this event: the first matching entry, and the mute entry that suppresses it. */
  function decideRoutes(event: AnyEvent, facts: EventFacts): RoutingDecision[] {
    const decisions = new Map<ChatId | undefined, RoutingDecision>();
    const findMute = (entries: readonly NotificationRule[]) => {
      const mute = entries.find((entry) => matchesEntry(entry, event, facts, "nobody"));
      return mute && getRuleName(mute, 0);
    };
    for (const [index, entry] of senders.entries()) {
      const targetChat = entry.chat ?? chat;
      if (decisions.has(targetChat) || !matchesEntry(entry, event, facts, "people")) continue;
      const mutedBy = findMute(mutes.filter((mute) => (mute.chat ?? targetChat) === targetChat));
      const isReported = isReportedByOtherEvent(targetChat, event, facts);
      decisions.set(targetChat, { targetChat, rule: getRuleName(entry, index), isReported, mutedBy });
    }
    if (awaitsHuman(event, facts) && !decisions.has(chat))
      decisions.set(chat, { targetChat: chat, rule: WAITS_FOR_PERSON, isReported: false, mutedBy: findMute(mutes) });
    return [...decisions.values()];
  }

  /**
   * Whether the chat gets another event about the same change: a task that Groundcrew blocked is reported once, with
   * the reason, and a deleted project once, not for each claim that it ends.
   */
  function isReportedByOtherEvent(targetChat: ChatId | undefined, event: AnyEvent, facts: EventFacts): boolean {
    const isDeletion = event.kind === "claim_lost" && event.why === "deleted";
    if (!isDeletion && (event.kind !== "blocked" || !facts.item?.blockedByDependency)) return false;
    const other: AnyEvent = isDeletion ? { kind: "project_deleted" } : { kind: "stuck", blocker: "", why: "blocked" };
    return senders.some((entry) => (entry.chat ?? chat) === targetChat && matchesEntry(entry, other, facts, "people"));
  }

  function getRuleName(entry: NotificationRule, index: number): string {
    const position = configured.indexOf(entry);
    return entry.name ?? `notifications[${position === -1 ? index : position}]`;
  }
}

function includesIgnoringCase(names: readonly string[], name: string): boolean {
  return names.some((other) => other.toLowerCase() === name.toLowerCase());
}

/** @param unknownActorAs the group that an unknown actor counts as */
function matchesEntry(
  entry: NotificationRule,
  event: AnyEvent,
  facts: EventFacts,
  unknownActorAs: "people" | "nobody",
): boolean {
  const { events, projects, priorities, labels, by } = entry;
  const { item, project, actor } = facts;
  if (!events.includes(event.kind)) return false;
  if (projects && !includesIgnoringCase(projects, project?.identifier ?? "")) return false;
  if (priorities && !(item && priorities.includes(item.priority))) return false;
  if (labels && !item?.labels.some((label) => includesIgnoringCase(labels, label))) return false;
  const actorKind = actor === undefined ? unknownActorAs : actor.isAgent ? "agents" : "people";
  return by === "anyone" || by === actorKind;
}

/**
 * Whether nothing goes on until a person decides, and Plane does not show it: a plan, a question about no task, or a
 * ticket. They are sent to TELEGRAM_CHAT_ID even when no configured entry names them; only a `mute` entry suppresses
 * them.
 */
function awaitsHuman(event: AnyEvent, { item }: EventFacts): boolean {
  if (event.kind === "ticket") return event.wait !== undefined;
  return event.kind === "plan_proposed" || (event.kind === "asked" && !item);
}

/**
 * Creates the rules that refresh live messages when something happens to the task that they are about, in every chat
 * that may have one; a request that changes refreshes its own. Of tasks, only those of agents have live messages.
 */
export function createLiveMessageRules(entries: readonly NotificationRule[], chat: ChatId | undefined): RuleSet {
  const chats = listLiveChats(entries, chat);
  return {
    name: "telegram-live",
    isInternal: true,
    needsActor: () => false,
    decide(event, { item }, correlation) {
      if (!REFRESH_EVENTS.includes(event.kind)) return [];
      if (!item || (item.agent === undefined && !("agent" in event))) return [];
      return chats.map(
        (liveChat): RuleAction => ({ ...createLiveRefreshAction(liveChat, item.id, correlation), rule: "work.look" }),
      );
    },
  };
}
