/** The updates that Telegram sends: which are asked for, what of them is read, and what a message replies to. */

import { z } from "zod";

// Telegram omits absent fields; other servers of the Bot API may write null.
const userSchema = z.object({ id: z.int(), language_code: z.string().nullish(), first_name: z.string().nullish() });

const chatFieldsSchema = z.object({ id: z.int(), type: z.string().nullish(), username: z.string().nullish() });

/**
 * The topic of a message in a forum. In other groups a reply has a `message_thread_id` too, which names the thread of
 * replies, and no message can be sent to it.
 */
const topicFields = { message_thread_id: z.int().nullish(), is_topic_message: z.boolean().nullish() };

/** The message that a message replies to. */
const repliedMessageSchema = z.object({
  message_id: z.int(),
  from: z.object({ id: z.int() }).nullish(),
  text: z.string().nullish(),
  /** Its buttons; one that opens an address has no data. */
  reply_markup: z
    .object({ inline_keyboard: z.array(z.array(z.object({ callback_data: z.string().nullish() }))) })
    .nullish()
    .catch(undefined),
});

/** What a message can consist of besides text. Other contents are reports of Telegram, for example a pinned message. */
const MEDIA_FIELDS = [
  ...["animation", "audio", "document", "paid_media", "photo", "sticker", "story", "video", "video_note", "voice"],
  ...["checklist", "contact", "dice", "game", "location", "poll", "venue"],
];

const messageFieldsSchema = z.object({
  message_id: z.int(),
  /** Unix time in seconds. */
  date: z.int().nullish(),
  /** Absent in channels and for anonymous administrators. */
  from: userSchema.nullish(),
  chat: chatFieldsSchema,
  ...topicFields,
  text: z.string().nullish(),
  /** The text under a picture or file. */
  caption: z.string().nullish(),
  /** Our own field: the message has a content other than text. */
  has_media: z.boolean().nullish(),
  /** The same for all pictures or files that were sent together. */
  media_group_id: z.string().nullish(),
  reply_to_message: repliedMessageSchema.nullish(),
  /** The part of the other message that a reply quotes. */
  quote: z.object({ text: z.string() }).nullish(),
  /** One of the two is present in a forwarded message (the second one until Bot API 7.0). */
  forward_origin: z.unknown().optional(),
  forward_date: z.unknown().optional(),
  /** The report in a supergroup that it was the group with this id. */
  migrate_from_chat_id: z.int().nullish(),
});

export type TelegramMessage = z.infer<typeof messageFieldsSchema>;

const callbackSchema = z.object({
  id: z.string(),
  from: userSchema,
  /** Absent for messages that are too old. */
  message: z.object({ message_id: z.int(), chat: chatFieldsSchema, ...topicFields }).nullish(),
  data: z.string().max(64).nullish(),
});

export type TelegramCallback = z.infer<typeof callbackSchema>;

/** The parts of an update that are used. The bot requests no other kinds. */
export const updateSchema = z.object({
  update_id: z.int(),
  message: z.preprocess(markMedia, messageFieldsSchema.nullish()),
  callback_query: callbackSchema.nullish(),
});

/** The kinds of updates that the bot requests. */
export const ALLOWED_UPDATES = ["message", "callback_query"] as const;

/** The text of a message, or under its picture or file. */
export function getMessageText({ text, caption }: TelegramMessage): string {
  return text ?? caption ?? "";
}

/** Whether a message was forwarded: another person may have written it, so it is not a command of its sender. */
export function isForwarded({ forward_origin: origin, forward_date: date }: TelegramMessage): boolean {
  return (origin ?? date ?? null) !== null;
}

/** Returns the message that a message replies to. In a forum, every message also replies to the one that began its topic. */
export function getRepliedMessage(message: TelegramMessage): TelegramMessage["reply_to_message"] {
  const { reply_to_message: reply, is_topic_message: isTopic, message_thread_id: topic } = message;
  return isTopic === true && reply?.message_id === topic ? undefined : reply;
}

/** Returns the topic of a message in a forum. */
export function toTopic({ message_thread_id: id, is_topic_message: isTopic }: Partial<TelegramMessage>): {
  topic?: number;
} {
  return isTopic === true && typeof id === "number" ? { topic: id } : {};
}

/** Marks a message with a content other than text, of which nothing else is stored. */
function markMedia(message: unknown): unknown {
  if (typeof message !== "object" || message === null) return message;
  const fields = new Map<string, unknown>(Object.entries(message));
  const hasMedia = MEDIA_FIELDS.some((field) => (fields.get(field) ?? null) !== null);
  return hasMedia ? { ...message, has_media: true } : message;
}
