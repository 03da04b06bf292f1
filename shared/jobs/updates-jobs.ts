import { z } from "zod";
import { omitUndefined } from "../omit-undefined.ts";
import type { Job, Json, LeasedJob } from "../store/port.ts";
import type { ChatId } from "../telegram/bot.ts";
import { updateSchema } from "../telegram/updates.ts";
import { getUntypedFields } from "./untyped-fields.ts";

const commonFields = { update: updateSchema, correlation: z.string() };

/** The bodies of the queue `updates`: what people say and press. */
export const updateBodySchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("telegram_update"), ...commonFields }),
  /** Said at the page: Telegram knows nothing of it. */
  z.object({ type: z.literal("page_input"), ...commonFields, atPage: z.literal(true) }),
]);
export type UpdateBody = z.infer<typeof updateBodySchema>;

/**
 * An update as a job, once per `update_id`; undefined for what is no update. Updates of one chat follow each other.
 * What is of no kind we look at becomes a job too, and is settled unread: then it is known.
 */
export function createUpdateJob(raw: unknown, correlation: string): Job | undefined {
  const update = updateSchema.safeParse(raw);
  if (!update.success) return undefined;
  const { update_id: id, message, callback_query: callback } = update.data;
  const chat = message?.chat.id ?? callback?.message?.chat.id ?? callback?.from.id ?? id;
  const body: UpdateBody = { type: "telegram_update", update: update.data, correlation };
  return { id: `update:${id}`, queue: "updates", lane: `chat:${chat}`, body: JSON.parse(JSON.stringify(body)) };
}

/** What a person at the page says to the chat (in reply to a message, by Telegram's number), or presses there. */
export type PageInput = { text: string; replyTo?: number | undefined } | { messageId: number; data: string };

/**
 * The same as if this person had said it in the chat.
 * @param id a new one for each thing that is said
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
  const update = { update_id: 0, ...content };
  const body: UpdateBody = { type: "page_input", update, correlation, atPage: true };
  return { id: `page:${id}`, queue: "updates", lane: `chat:${chatFields.id}`, body: JSON.parse(JSON.stringify(body)) };
}

function toReplyTarget(messageId: number | undefined) {
  return messageId === undefined ? {} : { reply_to_message: { message_id: messageId } };
}

/** The body in today's form; versions before 0.2.0 wrote no `type`, and `atPage` alone told what was said at the page. */
export function upgradeUpdateBody({ body }: Pick<LeasedJob, "body">): Json {
  const fields = getUntypedFields(body);
  if (!fields) return body;
  return { type: fields["atPage"] === true ? "page_input" : "telegram_update", ...fields };
}
