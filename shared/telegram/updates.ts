import { z } from "zod";

// Telegram leaves out what there is not; servers that speak its language may write null.
const userSchema = z.object({ id: z.int(), language_code: z.string().nullish(), first_name: z.string().nullish() });
const chatFieldsSchema = z.object({ id: z.int(), type: z.string().nullish(), username: z.string().nullish() });

/**
 * Where in a forum a message is. A reply in any other group has a `message_thread_id` too: that of the replies, in which
 * nothing can be sent.
 */
const topicFields = { message_thread_id: z.int().nullish(), is_topic_message: z.boolean().nullish() };

const messageFieldsSchema = z.object({
  message_id: z.int(),
  /** Absent in channels and for anonymous administrators. */
  from: userSchema.nullish(),
  chat: chatFieldsSchema,
  ...topicFields,
  text: z.string().nullish(),
  /** What stands under a picture or file. */
  caption: z.string().nullish(),
  reply_to_message: z.object({ message_id: z.int() }).nullish(),
  /** One of them is present: somebody else has written it (the second until Bot API 7.0). */
  forward_origin: z.unknown().optional(),
  forward_date: z.unknown().optional(),
});

const callbackSchema = z.object({
  id: z.string(),
  from: userSchema,
  /** Absent for messages that are too old. */
  message: z.object({ message_id: z.int(), chat: chatFieldsSchema, ...topicFields }).nullish(),
  data: z.string().max(64).nullish(),
});

/** As much of an update as is looked at; others than these kinds are not asked for. */
export const updateSchema = z.object({
  update_id: z.int(),
  message: messageFieldsSchema.nullish(),
  callback_query: callbackSchema.nullish(),
});

export type TelegramMessage = z.infer<typeof messageFieldsSchema>;
export type TelegramCallback = z.infer<typeof callbackSchema>;

/** Whether it is only passed on: it says nothing of its own. */
export function isForwarded({ forward_origin: origin, forward_date: date }: TelegramMessage): boolean {
  return (origin ?? date ?? null) !== null;
}

/** The topic of a forum that a message is in. */
export function toTopic({ message_thread_id: id, is_topic_message: isTopic }: Partial<TelegramMessage>): {
  topic?: number;
} {
  return isTopic === true && typeof id === "number" ? { topic: id } : {};
}

/** The kinds of updates the bot asks for. */
export const ALLOWED_UPDATES = ["message", "callback_query"] as const;
