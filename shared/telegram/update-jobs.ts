import { z } from "zod";
import { omitUndefined } from "../omit-undefined.ts";
import type { Job } from "../store/port.ts";
import type { ChatId } from "./bot.ts";
import { updateSchema } from "./updates.ts";

/**
 * Creates the job of an update, once per `update_id`; undefined if it is not a Telegram update. Updates of one chat are
 * handled in order. Updates of unsupported kinds become jobs too, so that a repeated delivery is recognized.
 */
export function createUpdateJob(raw: unknown, correlation: string): Job | undefined {
  const update = updateSchema.safeParse(raw);
  if (!update.success) return undefined;
  const { update_id: id, message, callback_query: callback } = update.data;
  const chat = message?.chat.id ?? callback?.message?.chat.id ?? callback?.from.id ?? id;
  const body: UpdateBody = { update: update.data, correlation };
  return { id: `update:${id}`, queue: "updates", lane: `chat:${chat}`, body: JSON.parse(JSON.stringify(body)) };
}

/** A message that a user of the dashboard writes (`replyTo`: Telegram's number of a message), or a press there. */
export type PageInput = { text: string; replyTo?: number | undefined } | { messageId: number; data: string };

/**
 * Creates the job of an input at the dashboard, as if the user had made it in the chat.
 * @param id unique for each input
 */
export function createPageUpdateJob(
  id: string,
  input: PageInput,
  { user, chat, language }: { user: number; chat: ChatId; language?: string | undefined },
  correlation: string,
): Job {
  const from = { id: user, ...omitUndefined({ language_code: language }) };
  const chatFields = typeof chat === "string" ? { id: 0, username: chat.replace(/^@/, "") } : { id: chat };
  const message = { message_id: "text" in input ? 0 : input.messageId, chat: chatFields };
  const content =
    "text" in input
      ? { message: { ...message, from, text: input.text, ...toReplyTarget(input.replyTo) } }
      : { callback_query: { id, from, message, data: input.data } };
  const body: UpdateBody = { update: { update_id: 0, ...content }, correlation, atPage: true };
  return { id: `page:${id}`, queue: "updates", lane: `chat:${chatFields.id}`, body: JSON.parse(JSON.stringify(body)) };
}

function toReplyTarget(messageId: number | undefined) {
  return messageId !== undefined && { reply_to_message: { message_id: messageId } };
}

/** The body of a job of the queue `updates`. */
export const updateBodySchema = z.object({
  update: updateSchema,
  correlation: z.string(),
  /** The input was made at the dashboard, so Telegram does not know of it. */
  atPage: z.literal(true).optional(),
});

export type UpdateBody = z.infer<typeof updateBodySchema>;
