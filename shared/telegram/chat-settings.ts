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

/**
 * Whether a new message makes a sound (`disable_notification` of the Bot API). What needs the human does: a decision,
 * an answer, or a fault that does not end by itself. What only informs does not. Edits never make a sound.
 */
export const MESSAGE_SOUNDS: Record<EventKind | AnnouncementKind, SoundRule> = {
  asked: "sound",
  review: "sound",
  plan_proposed: "sound",
  critical: "sound",
  failed: "sound",
  circle: "sound",
  plan_failed: "sound",
  ticket_waits: "sound",
  budget: "sound",
  agent_unresponsive: "sound",

  blocked: "critical",
  stuck: "critical",

  created: "silent",
  assigned: "silent",
  unassigned: "silent",
  started: "silent",
  unblocked: "silent",
  completed: "silent",
  cancelled: "silent",
  reopened: "silent",
  removed: "silent",
  restored: "silent",
  renamed: "silent",
  due: "silent",
  priority: "silent",
  comment_added: "silent",
  comment_edited: "silent",
  project_created: "silent",
  project_completed: "silent",
  project_deleted: "silent",
  cycle_started: "silent",
  cycle_completed: "silent",
  answered: "silent",
  addressed: "silent",
  claim_lost: "silent",
  sent_back: "silent",
  plan_approved: "silent",
  plan_rejected: "silent",
  plan_completed: "silent",
  ticket: "silent",
  progress: "silent",
  digest: "silent",
  information: "silent",
};

/** Whether a message of this kind is sent without a sound. @param item the task it is about */
export function isSilentMessage(kind: keyof typeof MESSAGE_SOUNDS, item?: EventFacts["item"]): boolean {
  const rule = MESSAGE_SOUNDS[kind];
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
