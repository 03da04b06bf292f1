/**
 * What the settings and the kind of a message mean for Telegram: whether it makes a sound, which chats have live
 * messages, and the secret by which the webhook is known.
 */

import type { Settings, TelegramSettings } from "../config/settings.ts";
import type { NotificationRule } from "../config/settings-file.ts";
import { sha256Hex } from "../hashing.ts";
import { type Locale, type LocaleSetting, resolveLocale } from "../i18n/localize.ts";
import type { EventKind } from "../task/events.ts";
import type { EventFacts } from "../task/rule-set.ts";
import type { ChatId, MessageExtras } from "./bot.ts";

/** Messages of Groundcrew that are no notifications of an event. `ticket_waits`: a step of a ticket that needs a person. */
type AnnouncementKind = "ticket_waits" | "progress" | "digest" | "budget" | "information" | "agent_unresponsive";

/** `critical`: with a sound for a task of urgent or high priority only, unless it waits for others as planned. */
type SoundRule = "sound" | "silent" | "critical";

/** What needs the human: a decision, an answer, or a fault that does not end by itself. */
const WITH_SOUND: readonly (EventKind | AnnouncementKind)[] = [
  ...(["asked", "review", "plan_proposed", "critical", "failed", "circle", "plan_failed"] as const),
  ...(["ticket_waits", "budget", "agent_unresponsive"] as const),
];

/**
 * Whether a new message makes a sound (`disable_notification` of the Bot API). What only informs does not. Edits never
 * make a sound.
 */
export function getSoundRule(kind: EventKind | AnnouncementKind): SoundRule {
  if (kind === "blocked" || kind === "stuck") return "critical";
  return WITH_SOUND.includes(kind) ? "sound" : "silent";
}

/** Whether a message of this kind is sent without a sound. @param item the task it is about */
export function isSilentMessage(kind: EventKind | AnnouncementKind, item?: EventFacts["item"]): boolean {
  const rule = getSoundRule(kind);
  if (rule !== "critical") return rule === "silent";
  // What waits for its blockers continues by itself: nobody has to do anything.
  if (kind === "blocked" && item && item.blockers.length > 0) return true;
  return item?.priority !== "urgent" && item?.priority !== "high";
}

/** Returns the part of a message's extras that decides about its sound. */
export function toSoundExtras(...message: Parameters<typeof isSilentMessage>): Pick<MessageExtras, "silent"> {
  return isSilentMessage(...message) ? { silent: true } : {};
}

/** The language of a chat: that of the person whose own chat it is, else that of the settings. */
export function resolveChatLocale(
  { locale, people = [] }: Partial<Pick<Settings, "people">> & { locale: LocaleSetting },
  chat: ChatId | undefined,
): Locale {
  const owner = people.find(({ telegram }) => telegram !== undefined && telegram === chat);
  return owner?.language ?? resolveLocale(locale);
}

/** Lists the chats that may have live messages: TELEGRAM_CHAT_ID and the chats of notification rules. */
export function listLiveChats(entries: readonly NotificationRule[], chat: ChatId | undefined): ChatId[] {
  const chats = [chat, ...entries.map((entry) => entry.chat)].filter((configuredChat) => configuredChat !== undefined);
  return [...new Set(chats)];
}

/**
 * Returns the secrets that prove an update comes from Telegram; the first one is registered. Without a setting the
 * secret is derived from the bot's token, which Telegram knows anyway.
 */
export async function getWebhookSecrets(
  telegram: Pick<TelegramSettings, "token" | "webhookSecrets">,
): Promise<string[]> {
  if (telegram.webhookSecrets.length > 0) return [...telegram.webhookSecrets];
  return [await sha256Hex(`groundcrew telegram webhook ${telegram.token}`)];
}
