import type { Action, Consumer, Event, Facts } from "../../shared/task/events.ts";
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
      const actions = new Map<Chat, Action>();
      for (const [index, entry] of tells.entries()) {
        const to = entry.chat ?? chat;
        if (to === undefined || actions.has(to) || !fits(entry, event, facts, "people")) continue;
        if (mutes.some((mute) => (mute.chat ?? to) === to && fits(mute, event, facts, "nobody"))) continue;
        const target = `telegram:${to}`;
        const rule = entry.name ?? `notifications[${given.indexOf(entry) === -1 ? index : given.indexOf(entry)}]`;
        actions.set(to, { target, queue: "outbox", lane: target, body: { event, facts, correlation }, rule });
      }
      return [...actions.values()];
    },
  };
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
