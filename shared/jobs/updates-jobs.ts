import { z } from "zod";
import type { Json } from "../json.ts";
import { omitUndefined } from "../omit-undefined.ts";
import type { Job, LeasedJob } from "../store/job-operations.ts";
import type { ChatId } from "../telegram/telegram-bot.ts";
import { updateSchema } from "../telegram/updates.ts";
import { getUntypedFields } from "./untyped-fields.ts";

const commonFields = { update: updateSchema, correlation: z.string() };

/** Bodies of the queue `updates`: messages and button presses of people. */
export const updateBodySchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("telegram_update"), ...commonFields }),
  /** Input at the dashboard, which has no message in Telegram. */
  z.object({ type: z.literal("page_input"), ...commonFields, atPage: z.literal(true) }),
]);
export type UpdateBody = z.infer<typeof updateBodySchema>;

/**
 * Creates the job of an update, once per `update_id`; undefined if it is not a Telegram update. Updates of one chat are
 * handled in order. Updates of unsupported kinds become jobs too, so that a repeated delivery is recognized.
 */
export function createUpdateJob(raw: unknown, correlation: string): Job | undefined {
  const update = updateSchema.safeParse(raw);
  if (!update.success) return undefined;
  const { update_id: id, message, callback_query: callback } = update.data;
  const chat = message?.chat.id ?? callback?.message?.chat.id ?? callback?.from.id ?? id;
  const body: UpdateBody = { type: "telegram_update", update: update.data, correlation };
  return { id: `update:${id}`, queue: "updates", lane: `chat:${chat}`, body: JSON.parse(JSON.stringify(body)) };
}

/** A message from a user of the dashboard (`replyTo`: Telegram's message id), or a button press there. */
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
  const update = { update_id: 0, ...content };
  const body: UpdateBody = { type: "page_input", update, correlation, atPage: true };
  return { id: `page:${id}`, queue: "updates", lane: `chat:${chatFields.id}`, body: JSON.parse(JSON.stringify(body)) };
}

function toReplyTarget(messageId: number | undefined) {
  return messageId === undefined ? {} : { reply_to_message: { message_id: messageId } };
}

/**
 * Upgrades a stored body to the present schema: versions before 0.2.0 wrote no `type`, and only `atPage` marked
 * dashboard input.
 */
export function upgradeUpdateBody({ body }: Pick<LeasedJob, "body">): Json {
  const fields = getUntypedFields(body);
  if (!fields) return body;
  return { type: fields["atPage"] === true ? "page_input" : "telegram_update", ...fields };
}
