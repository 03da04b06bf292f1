/**
 * Jobs for what arrives: webhooks of Plane (queue `inbox`) and messages and button presses of people (queue
 * `updates`). Each is stored as received, once, before it is interpreted. What people write to agents has the queue
 * `people`: comments, replies and stops wait for no other webhook and no other command.
 */

import { z } from "zod";
import { formatSchemaIssues, getErrorMessage } from "../errors.ts";
import { decodeBase64, encodeBase64 } from "../hashing.ts";
import { omitUndefined } from "../omit-undefined.ts";
import type { Job } from "../store/port.ts";
import type { ChatId } from "../telegram/bot.ts";
import { updateSchema } from "../telegram/updates.ts";

/** A message from a user of the dashboard (`replyTo`: Telegram's message id), or a button press there. */
export type PageInput = { text: string; replyTo?: number | undefined } | { messageId: number; data: string };

/**
 * Fields of a job with the body of a request as it was received. The bytes are kept exactly, because a newer version
 * may be able to read what this one cannot.
 */
const receivedBodyFields = {
  /** The body's text; its bytes in base64 when they are not UTF-8. */
  raw: z.string(),
  encoding: z.literal("base64").exactOptional(),
};

/** Bodies of the queue `inbox`: a signed webhook of Plane as received, readable or not. */
export const inboxBodySchema = z.object({
  type: z.literal("plane_webhook"),
  ...receivedBodyFields,
  correlation: z.string(),
});

export type InboxBody = z.infer<typeof inboxBodySchema>;

const updateFields = { update: updateSchema, correlation: z.string() };

/** Bodies of the queue `updates`: messages and button presses of people. */
export const updateBodySchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("telegram_update"), ...updateFields }),
  /** Input at the dashboard, which has no message in Telegram. */
  z.object({
    ...{ type: z.literal("page_input"), ...updateFields, atPage: z.literal(true) },
    /** The name of the person. */
    by: z.string().default("admin"),
  }),
]);

export type UpdateBody = z.infer<typeof updateBodySchema>;

/** Stored bodies: also what Telegram sent and this version could not read. */
export const storedUpdateBodySchema = z.discriminatedUnion("type", [
  ...updateBodySchema.options,
  z.object({ type: z.literal("unread_update"), ...receivedBodyFields, correlation: z.string() }),
]);

type StoredUpdateBody = z.infer<typeof storedUpdateBodySchema>;

const receivedBodySchema = z.object(receivedBodyFields);

export type ReceivedBody = z.infer<typeof receivedBodySchema>;

/** The beginning of a comment's webhook, as recorded. */
const COMMENT_HEAD = /^\s*\{\s*"event"\s*:\s*"issue_comment"/;

/** A command by which people write to agents, in the languages of the commands. */
const REMARK_COMMAND =
  /^\s*\/?(?:plane(?:@\w+)?\s+)?(?:stop|arr[eê]te[rz]?|comment|commenter|commentaire|note)(?![\p{L}\p{N}])/iu;

/** A byte order mark is part of the text, so that the text is exactly the bytes. */
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** @param id the hash of the webhook, so that a repeated delivery creates no second job; `raw` and `encoding`: see `ReceivedBody` */
export function createInboxJob(id: string, lane: string, raw: string, correlation: string, encoding?: "base64"): Job {
  const body: InboxBody = { type: "plane_webhook", raw, ...omitUndefined({ encoding }), correlation };
  return { id, queue: COMMENT_HEAD.test(raw) ? "people" : "inbox", lane, body };
}

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
  return toUpdateJob(`update:${id}`, chat, body);
}

/** Replies, and commands for agents, do not wait for the commands before them, which may wait for Plane. */
function toUpdateJob(id: string, chat: number, body: UpdateBody): Job {
  const { text, reply_to_message: reply } = body.update.message ?? {};
  const isRemark = REMARK_COMMAND.test(text ?? "") || (reply != null && !text?.trimStart().startsWith("/"));
  const place = isRemark
    ? ({ queue: "people", lane: id } as const)
    : ({ queue: "updates", lane: `chat:${chat}` } as const);
  return { id, ...place, body: JSON.parse(JSON.stringify(body)) };
}

/**
 * Creates the job of a body from Telegram that is no known update, so that it becomes a dead letter instead of being
 * lost: Telegram sends what was acknowledged no second time, and repeats the rest for a limited time only.
 * @param hash SHA-256 of the body, so that a repeated delivery creates no second job
 */
export function createUnreadUpdateJob(hash: string, received: ReceivedBody, correlation: string): Job {
  const body: StoredUpdateBody = { type: "unread_update", ...received, correlation };
  return { id: `unread:${hash}`, queue: "updates", lane: `unread:${hash}`, body };
}

/** Reads a stored body; `problem` is the reason why an unread update still cannot be read. */
export function readUpdateBody(body: StoredUpdateBody): UpdateBody | { problem: string } {
  if (body.type !== "unread_update") return body;
  const text = readReceivedBody(body);
  if (text === undefined) return { problem: "not UTF-8" };
  try {
    const update = updateSchema.parse(JSON.parse(text));
    return { type: "telegram_update", update, correlation: body.correlation };
  } catch (thrown) {
    if (!(thrown instanceof z.ZodError)) return { problem: `not JSON: ${getErrorMessage(thrown)}` };
    return { problem: `not a valid Telegram update (${formatSchemaIssues(thrown, "the body")})` };
  }
}

/**
 * Creates the job of an input at the dashboard, as if the user had made it in the chat.
 * @param id unique for each input
 */
export function createPageUpdateJob(
  id: string,
  input: PageInput,
  { user, chat, by, language }: { user: number; chat: ChatId; by: string; language?: string | undefined },
  correlation: string,
): Job {
  const from = { id: user, ...omitUndefined({ language_code: language }) };
  const chatFields = typeof chat === "string" ? { id: 0, username: chat.replace(/^@/, "") } : { id: chat };
  const message = { message_id: "text" in input ? 0 : input.messageId, chat: chatFields };
  const replyTo = "text" in input ? input.replyTo : undefined;
  const reply = replyTo === undefined ? {} : { reply_to_message: { message_id: replyTo } };
  const content =
    "text" in input
      ? { message: { ...message, from, text: input.text, ...reply } }
      : { callback_query: { id, from, message, data: input.data } };
  const update = { update_id: 0, ...content };
  const body: UpdateBody = { type: "page_input", update, correlation, atPage: true, by };
  return toUpdateJob(`page:${id}`, chatFields.id, body);
}

export function keepReceivedBody(bytes: Uint8Array): ReceivedBody {
  const raw = decodeUtf8(bytes);
  return raw === undefined ? { raw: encodeBase64(bytes), encoding: "base64" } : { raw };
}

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Returns the text of a stored body; undefined when its bytes are not UTF-8. */
export function readReceivedBody({ raw, encoding }: ReceivedBody): string | undefined {
  return encoding === undefined ? raw : decodeUtf8(decodeBase64(raw));
}
