import { z } from "zod";
import type { Settings } from "../config/settings.ts";
import type { Json } from "../json.ts";
import type { Job, LeasedJob } from "../store/job-operations.ts";
import type { ActionBody, RuleAction } from "../task/rule-set.ts";
import type { RichText } from "../telegram/rich-text.ts";
import type { ChatId } from "../telegram/telegram-bot.ts";
import type { Ms } from "../time.ts";
import { eventSchema, factsSchema } from "./event-schema.ts";
import { getUntypedFields } from "./untyped-fields.ts";

const entitySchema = z.object({ offset: z.number(), length: z.number() });
const richSchema = z.object({
  text: z.string(),
  entities: z.array(
    z.discriminatedUnion("type", [
      entitySchema.extend({ type: z.enum(["bold", "code"]) }),
      entitySchema.extend({ type: z.literal("text_link"), url: z.string() }),
    ]),
  ),
}) satisfies z.ZodType<RichText>;

const messageSchema = z.object({
  rich: richSchema,
  buttons: z.array(z.array(z.object({ text: z.string(), data: z.string() }))).exactOptional(),
  topic: z.number().exactOptional(),
  language: z.enum(["en", "fr"]),
});
const newMessageSchema = messageSchema.extend({
  replyTo: z.number().exactOptional(),
  /** Sent without a sound; see `MESSAGE_SOUNDS`. */
  silent: z.literal(true).exactOptional(),
  /** Plane's ids of the tasks that the message is about. */
  tasks: z.array(z.string()).exactOptional(),
});
const editedMessageSchema = messageSchema.extend({ messageId: z.number() });

const commonFields = { chat: z.union([z.number(), z.string()]), correlation: z.string() };

/**
 * Bodies of the queue `outbox`: messages to a chat. A job of an earlier version that matches no schema becomes a dead
 * letter instead of a wrong message.
 */
export const outboxBodySchema = z.discriminatedUnion("type", [
  /** A notification about an event; its text is rendered when the job is handled. */
  z.object({ type: z.literal("notification"), ...commonFields, event: eventSchema, facts: factsSchema }),
  /** Edits the message of a burst so that it shows all its notifications. */
  z.object({ type: z.literal("burst_refresh"), ...commonFields, refresh: z.object({ messageId: z.number() }) }),
  /** A reply to a person's command or question. */
  z.object({ type: z.literal("reply"), ...commonFields, answer: newMessageSchema }),
  /** A prepared message to the whole chat, for example the digest. */
  z.object({ type: z.literal("announcement"), ...commonFields, answer: newMessageSchema }),
  /** Replaces the text of a message; a deleted message is sent again. */
  z.object({ type: z.literal("replacement"), ...commonFields, show: editedMessageSchema }),
  /** Updates the live messages about a task, or about the question that `item` names. `do` was its type before all bodies had `type`. */
  z.object({ type: z.literal("live_refresh"), ...commonFields, do: z.literal("look"), item: z.string() }),
]);
export type OutboxBody = z.infer<typeof outboxBodySchema>;

export type BurstRefreshBody = Extract<OutboxBody, { type: "burst_refresh" }>;
export type PreparedMessageBody = Extract<OutboxBody, { type: "reply" | "announcement" }>;
export type ReplaceMessageBody = Extract<OutboxBody, { type: "replacement" }>;
export type LiveRefreshBody = Extract<OutboxBody, { type: "live_refresh" }>;

function notificationLane(chat: ChatId): string {
  return `telegram:${chat}`;
}

/** A separate lane, so that notifications do not delay replies. */
export function replyLane(chat: ChatId): string {
  return `telegram:${chat}:answers`;
}

/** One lane per chat and task, so that updates of one task's messages stay in order and delay no others. */
function liveRefreshLane(chat: ChatId, item: string): string {
  return `telegram:${chat}:live:${item}`;
}

/** Creates the action that sends a notification. One lane per chat, so that its notifications stay in order. */
export function createNotificationAction(
  chat: ChatId,
  { event, facts, correlation }: ActionBody,
): Omit<RuleAction, "rule"> {
  const body = { type: "notification", chat, event, facts, correlation } satisfies OutboxBody;
  return { target: `telegram:${chat}`, queue: "outbox", lane: notificationLane(chat), body };
}

/** Creates the action that updates the live messages about a task: questions, reviews, progress. */
export function createLiveRefreshAction(chat: ChatId, item: string, correlation: string): Omit<RuleAction, "rule"> {
  const body = createLiveRefreshBody(chat, item, correlation);
  return { target: `telegram:${chat}:live`, queue: "outbox", lane: liveRefreshLane(chat, item), body };
}

/** @param cause identifies what happened, so that repeating it creates no second job */
export function createLiveRefreshJob(chat: ChatId, item: string, cause: string, correlation: string): Job {
  const body = createLiveRefreshBody(chat, item, correlation);
  return { id: `look:${chat}:${item}:${cause}`, queue: "outbox", lane: liveRefreshLane(chat, item), body };
}

function createLiveRefreshBody(chat: ChatId, item: string, correlation: string): OutboxBody {
  return { type: "live_refresh", chat, do: "look", item, correlation };
}

/**
 * Creates the job that updates a task's progress message (NOTIF-07), for the commit that stores the progress. Empty
 * when progress messages are turned off.
 */
export function createProgressJobs(
  { telegram, progress }: Pick<Settings, "telegram" | "progress">,
  item: string,
  cause: string,
  correlation: string,
): Job[] {
  return telegram && progress ? [createLiveRefreshJob(telegram.chat, item, cause, correlation)] : [];
}

/**
 * Creates the job that edits a burst's message. Its lane is separate, so that notifications that arrive while it waits
 * are merged into the message as well.
 * @param discriminator distinguishes this refresh from others of the same message
 */
export function createBurstRefreshJob(
  chat: ChatId,
  messageId: number,
  discriminator: string,
  at: Ms,
  correlation: string,
): Job {
  const body: OutboxBody = { type: "burst_refresh", chat, refresh: { messageId }, correlation };
  const id = `refresh:${chat}:${messageId}:${discriminator}`;
  return { id, queue: "outbox", lane: `telegram:${chat}:refresh`, at, body };
}

/** @param id identifies the message, so that it is sent only once */
export function createAnnouncementJob(
  id: string,
  chat: ChatId,
  answer: PreparedMessageBody["answer"],
  correlation: string,
): Job {
  const body: OutboxBody = { type: "announcement", chat, answer, correlation };
  return { id, queue: "outbox", lane: notificationLane(chat), body };
}

/** @param cause identifies the update that is answered, so that it is answered only once */
export function createReplyJob(
  chat: ChatId,
  answer: PreparedMessageBody["answer"],
  cause: string,
  correlation: string,
): Job {
  const body: OutboxBody = { type: "reply", chat, answer, correlation };
  return { id: `answer:${cause}`, queue: "outbox", lane: replyLane(chat), body };
}

/** @param cause identifies the reason of the change, so that repeating it creates no second job */
export function createReplacementJob(
  chat: ChatId,
  show: ReplaceMessageBody["show"],
  cause: string,
  correlation: string,
): Job {
  const body: OutboxBody = { type: "replacement", chat, show, correlation };
  return { id: `show:${cause}`, queue: "outbox", lane: replyLane(chat), body };
}

/**
 * Upgrades a stored body to the present schema: versions before 0.2.0 wrote no `type`, so the type follows from the
 * fields that are present, and stored the chat only in the lane.
 */
export function upgradeOutboxBody({ lane, body }: Pick<LeasedJob, "lane" | "body">): Json {
  const fields = getUntypedFields(body);
  if (!fields) return body;
  const chat = parseLaneChat(lane);
  if ("refresh" in fields) return { type: "burst_refresh", chat, ...fields };
  if ("show" in fields) return { type: "replacement", chat, ...fields };
  if ("do" in fields) return { type: "live_refresh", chat, ...fields };
  if (!("answer" in fields)) return { type: "notification", chat, ...fields };
  const isReply = chat !== undefined && lane === replyLane(chat);
  return { type: isReply ? "reply" : "announcement", chat, ...fields };
}

/**
 * Returns the chat of a lane `telegram:<chat>`, optionally with `:refresh`, `:answers` or `:live:<item>`; else
 * undefined.
 */
function parseLaneChat(lane: string): ChatId | undefined {
  const [, number, name] = /^telegram:(?:(-?\d+)|(@\w+))(?::refresh|:answers|:live:.+)?$/.exec(lane) ?? [];
  return number === undefined ? name : Number(number);
}
