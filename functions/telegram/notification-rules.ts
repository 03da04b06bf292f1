import { DEFAULT_NOTIFICATION_RULES, type NotificationRule } from "../../shared/config/notification-rules.ts";
import { createNotificationAction } from "../../shared/jobs/outbox-jobs.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import type { AnyEvent, EventFacts, RuleAction, RuleSet, SkipReason } from "../../shared/task/events.ts";
import type { ChatId } from "../../shared/telegram/bot.ts";

/**
 * What is told in Telegram, and in which chat (NOTIF-05).
 * The settings' entries that are not `mute` replace the default ones; `mute` entries silence either.
 * A chat hears of an event at most once, named after the first entry that fits.
 *
 * @param chat where entries without a chat of their own go; undefined: nowhere.
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
    decide(event, facts, correlation) {
      const actions: RuleAction[] = [];
      for (const { targetChat, rule, mutedBy } of decideRoutes(event, facts)) {
        if (targetChat === undefined || mutedBy !== undefined) continue;
        actions.push({ ...createNotificationAction(targetChat, { event, facts, correlation }), rule });
      }
      return actions;
    },
    explainSkips(event, facts): SkipReason[] {
      const verdicts = decideRoutes(event, facts);
      if (verdicts.length === 0) return [{ consumer: "telegram", why: "no_rule" }];
      return verdicts.flatMap(({ targetChat, rule, mutedBy }): SkipReason[] => {
        if (targetChat === undefined) return [{ consumer: "telegram", why: "not_set_up", rule }];
        return mutedBy === undefined ? [] : [{ consumer: "telegram", why: "muted", rule: mutedBy }];
      });
    },
  };

  /** Each chat that an entry names for this event: the first such entry, and the one that silences it there. */
  function decideRoutes(event: AnyEvent, facts: EventFacts): RoutingDecision[] {
    const verdicts = new Map<ChatId | undefined, RoutingDecision>();
    for (const [index, entry] of senders.entries()) {
      const targetChat = entry.chat ?? chat;
      if (verdicts.has(targetChat) || !matchesEntry(entry, event, facts, "people")) continue;
      const mute = mutes.find(
        (one) => (one.chat ?? targetChat) === targetChat && matchesEntry(one, event, facts, "nobody"),
      );
      const rule = getRuleName(entry, index);
      verdicts.set(targetChat, {
        targetChat,
        rule,
        ...omitUndefined({ mutedBy: mute ? getRuleName(mute, 0) : undefined }),
      });
    }
    return [...verdicts.values()];
  }

  function getRuleName(entry: NotificationRule, index: number): string {
    const position = configured.indexOf(entry);
    return entry.name ?? `notifications[${position === -1 ? index : position}]`;
  }
}

interface RoutingDecision {
  /** Undefined: nowhere, Telegram is not set up. */
  targetChat: ChatId | undefined;
  rule: string;
  mutedBy?: string;
}

/** Whether everything the entry names is so. `unknown` says whom an unknown actor counts as. */
function matchesEntry(
  entry: NotificationRule,
  event: AnyEvent,
  facts: EventFacts,
  unknownActorAs: "people" | "nobody",
): boolean {
  const { events, projects, priorities, labels, by } = entry;
  const { item, project, actor } = facts;
  if (!events.includes(event.kind)) return false;
  if (projects && !includesIgnoringCase(projects, project.identifier)) return false;
  if (priorities && !(item && priorities.includes(item.priority))) return false;
  if (labels && !item?.labels.some((label) => includesIgnoringCase(labels, label))) return false;
  const actorKind = actor === undefined ? unknownActorAs : actor.isAgent ? "agents" : "people";
  return by === "anyone" || by === actorKind;
}

function includesIgnoringCase(names: readonly string[], name: string): boolean {
  return names.some((other) => other.toLowerCase() === name.toLowerCase());
}
