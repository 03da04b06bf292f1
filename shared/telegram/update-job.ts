import { z } from "zod";
import type { Job } from "../store/port.ts";
import type { Chat } from "./bot.ts";
import { updateSchema } from "./updates.ts";

/**
 * An update as a job, once per `update_id`; undefined for what is no update. Updates of one chat follow each other.
 * What is of no kind we look at becomes a job too, and is settled unread: then it is known.
 */
export function updateJob(raw: unknown, correlation: string): Job | undefined {
  const update = updateSchema.safeParse(raw);
  if (!update.success) return undefined;
  const { update_id: id, message, callback_query: callback } = update.data;
  const chat = message?.chat.id ?? callback?.message?.chat.id ?? callback?.from.id ?? id;
  const body: UpdateBody = { update: update.data, correlation };
  return { id: `update:${id}`, queue: "updates", lane: `chat:${chat}`, body: JSON.parse(JSON.stringify(body)) };
}

/** What a person at the page says to the chat (in reply to a message, by Telegram's number), or presses there. */
export type SaidAtPage = { text: string; replyTo?: number | undefined } | { messageId: number; data: string };

/**
 * The same as if this person had said it in the chat.
 * @param id a new one for each thing that is said
 */
export function pageJob(
  id: string,
  said: SaidAtPage,
  { user, chat, language }: { user: number; chat: Chat; language?: string | undefined },
  correlation: string,
): Job {
  const from = { id: user, ...(language !== undefined && { language_code: language }) };
  const where = typeof chat === "string" ? { id: 0, username: chat.replace(/^@/, "") } : { id: chat };
  const message = { message_id: "text" in said ? 0 : said.messageId, chat: where };
  const what =
    "text" in said
      ? { message: { ...message, from, text: said.text, ...replyOf(said.replyTo) } }
      : { callback_query: { id, from, message, data: said.data } };
  const body: UpdateBody = { update: { update_id: 0, ...what }, correlation, atPage: true };
  return { id: `page:${id}`, queue: "updates", lane: `chat:${where.id}`, body: JSON.parse(JSON.stringify(body)) };
}

function replyOf(messageId: number | undefined) {
  return messageId !== undefined && { reply_to_message: { message_id: messageId } };
}

/** The body of a job of the queue `updates`. */
export const updateBodySchema = z.object({
  update: updateSchema,
  correlation: z.string(),
  /** Said at the page: Telegram knows nothing of it. */
  atPage: z.literal(true).optional(),
});

export type UpdateBody = z.infer<typeof updateBodySchema>;
