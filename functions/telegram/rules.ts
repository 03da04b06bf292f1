import type { Action, Consumer, Event, Facts, Held } from "../../shared/task/events.ts";
import type { Chat } from "../../shared/telegram/bot.ts";
import { DEFAULT_NOTIFICATIONS, type Notification } from "../../shared/telegram/notifications.ts";

/**
 * What is told in Telegram, and in which chat (NOTIF-05).
 * The settings' entries that are not `mute` replace the default ones; `mute` entries silence either.
 * A chat hears of an event at most once, named after the first entry that fits.
 *
 * @param chat where entries without a chat of their own go; undefined: nowhere.
 */
export function notifyRules(entries: readonly Notification[] | undefined, chat: Chat | undefined): Consumer {
  const given = entries ?? [];
  const mutes = given.filter((entry) => entry.mute);
  const chosen = given.filter((entry) => !entry.mute);
  const tells = chosen.length > 0 ? chosen : DEFAULT_NOTIFICATIONS;

  return {
    name: "telegram",
    needsActor: (event) =>
      [...tells, ...mutes].some(({ events, by }) => by !== "anyone" && events.includes(event.kind)),
    decide(event, facts, correlation) {
      const actions: Action[] = [];
      for (const { to, rule, mutedBy } of judged(event, facts)) {
        if (to === undefined || mutedBy !== undefined) continue;
        const target = `telegram:${to}`;
        actions.push({ target, queue: "outbox", lane: target, body: { event, facts, correlation }, rule });
      }
      return actions;
    },
    held(event, facts): Held[] {
      const verdicts = judged(event, facts);
      if (verdicts.length === 0) return [{ consumer: "telegram", why: "no_rule" }];
      return verdicts.flatMap(({ to, rule, mutedBy }): Held[] => {
        if (to === undefined) return [{ consumer: "telegram", why: "not_set_up", rule }];
        return mutedBy === undefined ? [] : [{ consumer: "telegram", why: "muted", rule: mutedBy }];
      });
    },
  };

  /** Each chat that an entry names for this event: the first such entry, and the one that silences it there. */
  function judged(event: Event, facts: Facts): Verdict[] {
    const verdicts = new Map<Chat | undefined, Verdict>();
    for (const [index, entry] of tells.entries()) {
      const to = entry.chat ?? chat;
      if (verdicts.has(to) || !fits(entry, event, facts, "people")) continue;
      const mute = mutes.find((one) => (one.chat ?? to) === to && fits(one, event, facts, "nobody"));
      const rule = nameOf(entry, index);
      verdicts.set(to, { to, rule, ...(mute && { mutedBy: nameOf(mute, 0) }) });
    }
    return [...verdicts.values()];
  }

  function nameOf(entry: Notification, index: number): string {
    const place = given.indexOf(entry);
    return entry.name ?? `notifications[${place === -1 ? index : place}]`;
  }
}

interface Verdict {
  /** Undefined: nowhere, Telegram is not set up. */
  to: Chat | undefined;
  rule: string;
  mutedBy?: string;
}

/** Whether everything the entry names is so. `unknown` says whom an unknown actor counts as. */
function fits(entry: Notification, event: Event, facts: Facts, unknown: "people" | "nobody"): boolean {
  const { events, projects, priorities, labels, by } = entry;
  const { item, project, actor } = facts;
  if (!events.includes(event.kind)) return false;
  if (projects && !includes(projects, project.identifier)) return false;
  if (priorities && !(item && priorities.includes(item.priority))) return false;
  if (labels && !item?.labels.some((label) => includes(labels, label))) return false;
  const who = actor === undefined ? unknown : actor.isAgent ? "agents" : "people";
  return by === "anyone" || by === who;
}

function includes(names: readonly string[], name: string): boolean {
  return names.some((other) => other.toLowerCase() === name.toLowerCase());
}
