import { DEFAULT_NOTIFICATION_RULES, type NotificationRule } from "../../shared/config/notification-rules.ts";
import { createNotificationAction } from "../../shared/jobs/outbox-jobs.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import type { AnyEvent } from "../../shared/task/events.ts";
import {
  type EventFacts,
  type RuleAction,
  type RuleSet,
  type SkipReason,
  WAITS_FOR_PERSON,
} from "../../shared/task/rule-set.ts";
import type { ChatId } from "../../shared/telegram/telegram-bot.ts";

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
      const actions: RuleAction[] = [];
      for (const { targetChat, rule, mutedBy, isReported } of decideRoutes(event, facts)) {
        if (targetChat === undefined || mutedBy !== undefined || isReported) continue;
        actions.push({ ...createNotificationAction(targetChat, { event, facts, correlation }), rule });
      }
      return actions;
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
    for (const [index, entry] of senders.entries()) {
      const targetChat = entry.chat ?? chat;
      if (decisions.has(targetChat) || !matchesEntry(entry, event, facts, "people")) continue;
      const mute = mutes.find(
        (entry) => (entry.chat ?? targetChat) === targetChat && matchesEntry(entry, event, facts, "nobody"),
      );
      const rule = getRuleName(entry, index);
      decisions.set(targetChat, {
        targetChat,
        rule,
        isReported: isReportedByOtherEvent(targetChat, event, facts),
        ...omitUndefined({ mutedBy: mute ? getRuleName(mute, 0) : undefined }),
      });
    }
    if (awaitsHuman(event, facts) && !decisions.has(chat)) {
      const mute = mutes.find((entry) => matchesEntry(entry, event, facts, "nobody"));
      const mutedBy = mute ? getRuleName(mute, 0) : undefined;
      decisions.set(chat, {
        targetChat: chat,
        rule: WAITS_FOR_PERSON,
        isReported: false,
        ...omitUndefined({ mutedBy }),
      });
    }
    return [...decisions.values()];
  }

  /** Whether the chat gets `stuck` for the same change: a task that Groundcrew blocked is reported once, with the reason. */
  function isReportedByOtherEvent(targetChat: ChatId | undefined, { kind }: AnyEvent, facts: EventFacts): boolean {
    if (kind !== "blocked" || !facts.item?.blockedByDependency) return false;
    const stuck = { kind: "stuck", blocker: "", why: "blocked" } as const;
    return senders.some((entry) => (entry.chat ?? chat) === targetChat && matchesEntry(entry, stuck, facts, "people"));
  }

  function getRuleName(entry: NotificationRule, index: number): string {
    const position = configured.indexOf(entry);
    return entry.name ?? `notifications[${position === -1 ? index : position}]`;
  }
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

interface RoutingDecision {
  /** Undefined if Telegram is not configured. */
  targetChat: ChatId | undefined;
  rule: string;
  mutedBy?: string;
  /** The chat gets another event about the same change. */
  isReported: boolean;
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

function includesIgnoringCase(names: readonly string[], name: string): boolean {
  return names.some((other) => other.toLowerCase() === name.toLowerCase());
}
